//! The newest trees, opened by a thread of its own while the journal is read.

use std::thread::{self, JoinHandle};

use super::generation::open_usable;
use super::layout::Layout;
use super::options::StoreOptions;
use super::small_file::Format;
use super::trees::engine::TreeError;
use super::trees::writer::TreeWriter;

/// Trees that are being opened. Who drops it waits for that, so that nobody opens them twice.
#[derive(Debug)]
pub(super) struct EarlyTrees {
    pub(super) generation: u64,
    thread: Option<JoinHandle<Result<TreeWriter, TreeError>>>,
}

impl EarlyTrees {
    /// Opens one generation.
    pub(super) fn start(
        layout: &Layout,
        format: &Format,
        options: &StoreOptions,
        generation: u64,
    ) -> Self {
        let (layout, format, options) = (layout.clone(), *format, *options);
        let open = move || open_usable(&layout, &format, &options, generation);
        let name = "explog open".to_owned();
        // Without a thread it is done by who asks for them.
        Self {
            generation,
            thread: thread::Builder::new().name(name).spawn(open).ok(),
        }
    }

    /// What became of it, unless the thread could not do it.
    pub(super) fn finish(mut self) -> Option<Result<TreeWriter, TreeError>> {
        self.thread.take()?.join().ok()
    }
}

impl Drop for EarlyTrees {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // What it made is of no use.
            let _ = thread.join();
        }
    }
}
