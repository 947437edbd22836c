//! A mount namespace of this program's own: whatever it mounts goes away with it, however it ends.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

const INSIDE: &str = "TORTURE_NAMESPACE";

/// Whether this process may mount.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Starts this program again inside a namespace of its own, if it may and is not there yet. Where there is
/// no `unshare`, the guards of the mounts have to do.
pub fn enter() {
    if !is_root() || std::env::var_os(INSIDE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--"]);
        command
    };
    // A container may forbid it; what cannot be mounted says so itself.
    let allowed = unshare().arg("true").stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return;
    }
    // Returns only if it cannot be started.
    let _ = unshare()
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
}
