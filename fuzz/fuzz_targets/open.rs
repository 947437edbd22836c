#![no_main]
//! sled panics on damaged files, and the log catches that: libFuzzer must not end at such a panic, but at every
//! other one, also in a thread of the log that catches it.

use std::backtrace::Backtrace;
use std::panic::{self, PanicHookInfo};
use std::process::abort;
use std::sync::Once;

static HOOK: Once = Once::new();

fn on_panic(info: &PanicHookInfo<'_>) {
    let file = info.location().map_or("", |location| location.file());
    // A panic of the standard library may be raised by either.
    let elsewhere = file.contains("/registry/")
        || file.contains("/rustc/") && Backtrace::force_capture().to_string().contains("sled::");
    if !elsewhere {
        eprintln!("{info}\n{}", Backtrace::force_capture());
        abort();
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    HOOK.call_once(|| panic::set_hook(Box::new(on_panic)));
    experience_log::fuzzing::open(bytes);
});
