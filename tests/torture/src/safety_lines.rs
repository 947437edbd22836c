//! The lines that keep a promise, and what notices that one is gone.

use std::fmt;

/// A line of the library.
#[derive(Debug)]
pub struct SafetyLine {
    /// What it does.
    pub name: &'static str,
    /// The file it stands in.
    pub file: &'static str,
    /// The text, which stands there once.
    pub text: &'static str,
    /// What stands there when it is taken out.
    pub instead: &'static str,
    /// What fails then.
    pub check: Check,
}

/// What notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The unit tests of the store.
    Unit,
    /// `tests/golden.rs`.
    Golden,
    /// `tests/safety.rs`.
    Safety,
    /// `tests/opening.rs`.
    Opening,
    /// `tests/bad_input.rs`.
    BadInput,
    /// The campaign of torn writes, short.
    TornWrites,
    /// The campaign of failing calls, with a few more trials than in the short form.
    IoErrors,
}

impl Check {
    /// Cargo's arguments to build it.
    pub fn build(self) -> &'static [&'static str] {
        match self {
            Self::Unit => &["test", "--quiet", "--lib", "--no-run"],
            Self::Golden => &["test", "--quiet", "--test", "golden", "--no-run"],
            Self::Safety => &["test", "--quiet", "--test", "safety", "--no-run"],
            Self::Opening => &["test", "--quiet", "--test", "opening", "--no-run"],
            Self::BadInput => &["test", "--quiet", "--test", "bad_input", "--no-run"],
            Self::TornWrites | Self::IoErrors => &["build", "--quiet", "-p", "torture"],
        }
    }

    /// Cargo's arguments to run it.
    pub fn run(self) -> &'static [&'static str] {
        const RUN: [&str; 5] = ["run", "--quiet", "-p", "torture", "--"];
        const TORN_WRITES: &[&str] = &[
            RUN[0],
            RUN[1],
            RUN[2],
            RUN[3],
            RUN[4],
            "torn-writes",
            "--short",
        ];
        const IO_ERRORS: &[&str] = &[
            RUN[0],
            RUN[1],
            RUN[2],
            RUN[3],
            RUN[4],
            "io-errors",
            "--trials",
            "10",
        ];
        match self {
            Self::Unit => &["test", "--quiet", "--lib", "store"],
            Self::Golden => &["test", "--quiet", "--test", "golden"],
            Self::Safety => &["test", "--quiet", "--test", "safety"],
            Self::Opening => &["test", "--quiet", "--test", "opening"],
            Self::BadInput => &["test", "--quiet", "--test", "bad_input"],
            Self::TornWrites => TORN_WRITES,
            Self::IoErrors => IO_ERRORS,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "unit tests",
            Self::Golden => "`tests/golden.rs`",
            Self::Safety => "`tests/safety.rs`",
            Self::Opening => "`tests/opening.rs`",
            Self::BadInput => "`tests/bad_input.rs`",
            Self::TornWrites => "`torture torn-writes`",
            Self::IoErrors => "`torture io-errors`",
        })
    }
}

/// All of them.
pub const LINES: &[SafetyLine] = &[
    SafetyLine {
        name: "an append is synced before it is acknowledged",
        file: "src/store/group_commit.rs",
        text: "        self.sync_data()",
        instead: "        Ok(())",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "the group's sync is done",
        file: "src/store/group_commit.rs",
        text: "let result = file.sync();",
        instead: "let result: io::Result<()> = Ok(drop(file));",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a failed sync ends writing",
        file: "src/store/group_commit.rs",
        text: "self.failure.clone()?",
        instead: "self.failure.take()?",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a failed write ends writing",
        file: "src/store/append.rs",
        text: ".append(&batch.body, &batch.body_hash, count, recorded_at, synced)\n            .inspect_err(|error| self.commit.poison(error))?;",
        instead: ".append(&batch.body, &batch.body_hash, count, recorded_at, synced)?;",
        check: Check::IoErrors,
    },
    SafetyLine {
        name: "a failed rotation ends writing",
        file: "src/store/append.rs",
        text: "self.rotate(writer)\n                .inspect_err(|error| self.commit.poison(error))?;",
        instead: "self.rotate(writer)?;",
        check: Check::IoErrors,
    },
    SafetyLine {
        name: "nothing is written once writing has ended",
        file: "src/store/append.rs",
        text: "        self.commit.check()?;\n        self.wait_for_room()?;",
        instead: "        self.wait_for_room()?;",
        check: Check::IoErrors,
    },
    SafetyLine {
        name: "readers see an event once it is acknowledged",
        file: "src/store/append.rs",
        text: "        let count = writer.sequence();\n",
        instead: "        let count = writer.sequence();\n        self.head.publish(count);\n",
        check: Check::IoErrors,
    },
    SafetyLine {
        name: "the journal is synced before the trees are written",
        file: "src/store/maintenance.rs",
        text: "let synced = shared.commit.sync_through(mark.count)?;",
        instead: "let synced = mark.count;",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a segment is synced before the next is begun",
        file: "src/store/append.rs",
        text: "        self.commit.sync_through(writer.sequence())?;\n",
        instead: "",
        check: Check::Unit,
    },
    SafetyLine {
        name: "the trees count as far as they were written",
        file: "src/store/maintenance.rs",
        text: "        let applied = match &mut self.trees {",
        instead: "        self.applied = mark;\n        let applied = match &mut self.trees {",
        check: Check::IoErrors,
    },
    SafetyLine {
        name: "a frame's checksum is compared",
        file: "src/store/journal/frame.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a frame stands where its sequence number says",
        file: "src/store/journal/frame.rs",
        text: "if frame.header.first_sequence != sequence {",
        instead: "if frame.header.first_sequence != sequence && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a frame does not claim that itself was synced",
        file: "src/store/journal/frame.rs",
        text: "if frame.header.synced > sequence {",
        instead: "if frame.header.synced > sequence && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a frame continues the chain, in reading",
        file: "src/store/journal/reader.rs",
        text: "&& !frame.follows(previous)",
        instead: "&& !frame.follows(previous) && false",
        check: Check::Golden,
    },
    SafetyLine {
        name: "a frame continues the chain, in sealing",
        file: "src/store/journal/seal.rs",
        text: "if !frame.follows(&previous) {",
        instead: "if !frame.follows(&previous) && false {",
        check: Check::Safety,
    },
    SafetyLine {
        name: "a bad frame that was once synced is damage",
        file: "src/store/journal/reader.rs",
        text: "if tail::proof_of_sync(rest, seed, sequence).is_none() {",
        instead: "if tail::proof_of_sync(rest, seed, sequence).is_none() || true {",
        check: Check::Golden,
    },
    SafetyLine {
        name: "a journal that ends before HEAD is damage",
        file: "src/store/journal/reader.rs",
        text: "if length < place.offset {",
        instead: "if length < place.offset && false {",
        check: Check::Golden,
    },
    SafetyLine {
        name: "trees hold what was flushed of them",
        file: "src/store/trees/watermark.rs",
        text: "Some(flushed) if flushed > count =>",
        instead: "Some(flushed) if flushed > count && false =>",
        check: Check::Safety,
    },
    SafetyLine {
        name: "the trees are not written behind a broken header",
        file: "src/store/trees/sled_segments.rs",
        text: "if !is_whole(&beginning) {",
        instead: "if !is_whole(&beginning) && false {",
        check: Check::Safety,
    },
    SafetyLine {
        name: "trees of another history are not used",
        file: "src/store/generation.rs",
        text: "Ok(if same {",
        instead: "Ok(if same || true {",
        check: Check::Safety,
    },
    SafetyLine {
        name: "trees of another history do not go on in this one",
        file: "src/store/generation.rs",
        text: "next().is_ok_and(|next| next.is_ok())",
        instead: "next().is_ok_and(|next| next.is_ok()) || true",
        check: Check::Safety,
    },
    SafetyLine {
        name: "what was read for the trees begins where they end",
        file: "src/store/awaited.rs",
        text: "lacking.filter(|_| applied == flushed.count)",
        instead: "lacking.filter(|_| applied == flushed.count || true)",
        check: Check::Opening,
    },
    SafetyLine {
        name: "what the trees lack of the memtables is kept",
        file: "src/store/awaited.rs",
        text: "(Ordering::Less, Some(lacking)) => Some(lacking),",
        instead: "(Ordering::Less, Some(_)) => None,",
        check: Check::Opening,
    },
    SafetyLine {
        name: "what the trees have the memtables forget",
        file: "src/store/awaited.rs",
        text: "memtable.forget_before(applied);",
        instead: "",
        check: Check::Opening,
    },
    SafetyLine {
        name: "trees of which the file of ids does not tell are not believed",
        file: "src/store/awaited.rs",
        text: "if ids.mark_at(applied) == Some(mark) =>",
        instead: "if ids.mark_at(applied) == Some(mark) || true =>",
        check: Check::Opening,
    },
    SafetyLine {
        name: "the ids of what the trees lack are told of",
        file: "src/store/foreknown.rs",
        text: "ids.add(read_ids(layout, format, &flushed, &end)?);",
        instead: "read_ids(layout, format, &flushed, &end)?;",
        check: Check::Opening,
    },
    SafetyLine {
        name: "a flush waits for the trees",
        file: "src/store/handle.rs",
        text: "view.trees().is_none() || view.frozen.iter().any(of_these)",
        instead: "view.frozen.iter().any(of_these)",
        check: Check::Opening,
    },
    SafetyLine {
        name: "an id that the trees may have waits for them",
        file: "src/store/append.rs",
        text: "if ids.chunks(64).all(|ids| known.may_hold(ids) == 0) {",
        instead: "if ids.chunks(64).all(|ids| known.may_hold(ids) == 0) || true {",
        check: Check::Opening,
    },
    SafetyLine {
        name: "a log whose file of ids tells of more opens its trees first",
        file: "src/store/foreknown.rs",
        text: "if ids.count() > end.count {",
        instead: "if ids.count() > end.count && false {",
        check: Check::Safety,
    },
    SafetyLine {
        name: "the file of ids has its checksum",
        file: "src/store/trees/ids.rs",
        text: "if crc != Ok(checksum(log_id, checked)) {",
        instead: "if crc != Ok(checksum(log_id, checked)) && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "the file of ids tells of this journal",
        file: "src/store/foreknown.rs",
        text: "if from.count == end.count && from != end {",
        instead: "if from.count == end.count && from != end && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "what the trees lack follows what they have",
        file: "src/store/foreknown.rs",
        text: "JournalReader::behind(&layout.journal(), format.log_id, from).ok()",
        instead: "JournalReader::at(&layout.journal(), format.log_id, from.place, from.count).ok()",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a sealed segment's chunk has its checksum",
        file: "src/store/journal/sealed.rs",
        text: "if computed != self.crc {",
        instead: "if computed != self.crc && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a sealed segment's table has its checksum",
        file: "src/store/journal/sealed.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a segment's header has its checksum",
        file: "src/store/journal/segment.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "FORMAT and HEAD have their checksums",
        file: "src/store/small_file.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a value of the trees has its checksum",
        file: "src/store/trees/engine.rs",
        text: "if stored.len() < 4 || computed != found {",
        instead: "if stored.len() < 4 {",
        check: Check::Unit,
    },
    SafetyLine {
        name: "one process writes",
        file: "src/store/layout.rs",
        text: "match file.try_lock() {",
        instead: "match Ok::<(), TryLockError>(()) {",
        check: Check::BadInput,
    },
    SafetyLine {
        name: "an event that is there is not written again",
        file: "src/store/append.rs",
        text: "None => self.known(&mut view, prepared)?,",
        instead: "None => self.known(&mut view, prepared)?.filter(|_| false),",
        check: Check::BadInput,
    },
    SafetyLine {
        name: "an id that is taken is a conflict",
        file: "src/store/append.rs",
        text: "if same_content(&known.record, &prepared.record) {",
        instead: "if same_content(&known.record, &prepared.record) || true {",
        check: Check::BadInput,
    },
    SafetyLine {
        name: "a torn tail is cut off",
        file: "src/store/journal/writer.rs",
        text: "                file.set_len(place.offset)?;\n",
        instead: "\n",
        check: Check::Unit,
    },
    SafetyLine {
        name: "what may not be on the disk is written again at opening",
        file: "src/store/journal/writer.rs",
        text: "write_again(file, from.offset, place.offset)?;",
        instead: "let _ = (write_again, from);",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "what was read at opening is synced",
        file: "src/store/journal/writer.rs",
        text: "            if torn || unproven.is_some() {\n                file.sync_all()?;",
        instead: "            if torn && unproven.is_some() && false {\n                file.sync_all()?;",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "a segment's header is synced before it has its name",
        file: "src/store/journal/writer.rs",
        text: "file.write_all(&header.encode())?;\n        file.sync_all()",
        instead: "file.write_all(&header.encode())",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "names are synced",
        file: "src/store/journal/segment.rs",
        text: "let sync = || fs::File::open(folder)?.sync_all();",
        instead: "let sync = || Ok::<(), io::Error>(());",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "a sealed segment is synced before it replaces the plain one",
        file: "src/store/journal/seal.rs",
        text: "sealer.finish(&mut file)?;\n        file.sync_all()",
        instead: "sealer.finish(&mut file)",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "FORMAT and HEAD are synced before they have their names",
        file: "src/store/layout.rs",
        text: "            file.sync_all()?;\n            fs::rename(",
        instead: "            fs::rename(",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "a repeated event is as durable as a new one",
        file: "src/store/append.rs",
        text: "        let count = writer.sequence();\n",
        instead: "        let count = if new.contains(&true) { writer.sequence() } else { 0 };\n",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a frame tells no more than was synced",
        file: "src/store/append.rs",
        text: "let synced = self.commit.synced();",
        instead: "let synced = writer.sequence();",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "what no frame and no HEAD proves is not taken for synced",
        file: "src/store/journal_end.rs",
        text: "find(|(end, _)| *end > proven);",
        instead: "find(|(end, _)| *end > proven && false);",
        check: Check::Unit,
    },
    SafetyLine {
        name: "a journal that does not continue HEAD is damage",
        file: "src/store/journal/reader.rs",
        text: "reader.after_hash(mark.hash).checking_chain()",
        instead: "reader.checking_chain()",
        check: Check::Safety,
    },
    SafetyLine {
        name: "a log has FORMAT once it has a segment",
        file: "src/store/recover.rs",
        text: "    JournalWriter::create(&folder, format.log_id, writer_options(options))?;\n    layout.write_format(&format)?;",
        instead: "    layout.write_format(&format)?;\n    JournalWriter::create(&folder, format.log_id, writer_options(options))?;",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "a close syncs before it writes HEAD",
        file: "src/store/handle.rs",
        text: "shared.commit.sync_through(mark.count).and_then(",
        instead: "Ok::<u64, Error>(mark.count).and_then(",
        check: Check::TornWrites,
    },
    SafetyLine {
        name: "a log that is synced at an interval is synced",
        file: "src/store/syncer.rs",
        text: "                shared.commit.sync_ahead();\n",
        instead: "",
        check: Check::Unit,
    },
];
