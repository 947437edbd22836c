//! The lines that keep a promise, and what notices that one is gone.

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
    /// The arguments of the cargo command that fails then.
    pub check: &'static [&'static str],
}

const TORN_WRITES: &[&str] = &[
    "run",
    "--quiet",
    "-p",
    "torture",
    "--",
    "torn-writes",
    "--short",
];
const IO_ERRORS: &[&str] = &[
    "run",
    "--quiet",
    "-p",
    "torture",
    "--",
    "io-errors",
    "--trials",
    "10",
];
const UNIT: &[&str] = &["test", "--quiet", "--lib", "store"];
const GOLDEN: &[&str] = &["test", "--quiet", "--test", "golden"];
const SAFETY: &[&str] = &["test", "--quiet", "--test", "safety"];
const BAD_INPUT: &[&str] = &["test", "--quiet", "--test", "bad_input"];

/// All of them.
pub const LINES: &[SafetyLine] = &[
    SafetyLine {
        name: "an append is synced before it is acknowledged",
        file: "src/store/group_commit.rs",
        text: "        self.sync_data()",
        instead: "        Ok(())",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "the group's sync is done",
        file: "src/store/group_commit.rs",
        text: "let result = file.sync();",
        instead: "let result: io::Result<()> = Ok(drop(file));",
        check: UNIT,
    },
    SafetyLine {
        name: "a failed sync ends writing",
        file: "src/store/group_commit.rs",
        text: "state.failure = Some(error.to_string());\n",
        instead: "\n",
        check: UNIT,
    },
    SafetyLine {
        name: "a failed write ends writing",
        file: "src/store/append.rs",
        text: ".append(&batch.body, &batch.body_hash, count, recorded_at, synced)\n            .inspect_err(|error| self.commit.poison(error))?;",
        instead: ".append(&batch.body, &batch.body_hash, count, recorded_at, synced)?;",
        check: IO_ERRORS,
    },
    SafetyLine {
        name: "a failed rotation ends writing",
        file: "src/store/append.rs",
        text: "self.rotate(writer)\n                .inspect_err(|error| self.commit.poison(error))?;",
        instead: "self.rotate(writer)?;",
        check: IO_ERRORS,
    },
    SafetyLine {
        name: "nothing is written once writing has ended",
        file: "src/store/append.rs",
        text: "        self.commit.check()?;\n        self.wait_for_room()?;",
        instead: "        self.wait_for_room()?;",
        check: IO_ERRORS,
    },
    SafetyLine {
        name: "readers see an event once it is acknowledged",
        file: "src/store/append.rs",
        text: "        let count = writer.sequence();\n",
        instead: "        let count = writer.sequence();\n        self.head.publish(count);\n",
        check: IO_ERRORS,
    },
    SafetyLine {
        name: "the journal is synced before the trees are written",
        file: "src/store/maintenance.rs",
        text: "let synced = shared.commit.sync_through(mark.count)?;",
        instead: "let synced = mark.count;",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "the trees count as far as they were written",
        file: "src/store/maintenance.rs",
        text: "        let applied = match &mut self.trees {",
        instead: "        self.applied = mark;\n        let applied = match &mut self.trees {",
        check: IO_ERRORS,
    },
    SafetyLine {
        name: "a frame's checksum is compared",
        file: "src/store/journal/frame.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "a frame stands where its sequence number says",
        file: "src/store/journal/frame.rs",
        text: "if frame.header.first_sequence != sequence {",
        instead: "if frame.header.first_sequence != sequence && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "a frame does not claim that itself was synced",
        file: "src/store/journal/frame.rs",
        text: "if frame.header.synced > sequence {",
        instead: "if frame.header.synced > sequence && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "a frame continues the chain, in reading",
        file: "src/store/journal/reader.rs",
        text: "&& !frame.follows(previous)",
        instead: "&& !frame.follows(previous) && false",
        check: GOLDEN,
    },
    SafetyLine {
        name: "a frame continues the chain, in sealing",
        file: "src/store/journal/seal.rs",
        text: "if !frame.follows(&previous) {",
        instead: "if !frame.follows(&previous) && false {",
        check: SAFETY,
    },
    SafetyLine {
        name: "a bad frame that was once synced is damage",
        file: "src/store/journal/reader.rs",
        text: "if tail::proof_of_sync(rest, seed, sequence).is_none() {",
        instead: "if tail::proof_of_sync(rest, seed, sequence).is_none() || true {",
        check: GOLDEN,
    },
    SafetyLine {
        name: "a journal that ends before HEAD is damage",
        file: "src/store/journal/reader.rs",
        text: "if sequence < self.known {",
        instead: "if sequence < self.known && false {",
        check: GOLDEN,
    },
    SafetyLine {
        name: "a journal that ends before its trees is damage",
        file: "src/store/recover.rs",
        text: "if applied.count > end.count {",
        instead: "if applied.count > end.count && false {",
        check: SAFETY,
    },
    SafetyLine {
        name: "trees of another history are not used",
        file: "src/store/recover.rs",
        text: "Ok(if same {",
        instead: "Ok(if same || true {",
        check: SAFETY,
    },
    SafetyLine {
        name: "a sealed segment's chunk has its checksum",
        file: "src/store/journal/sealed.rs",
        text: "if computed != self.crc {",
        instead: "if computed != self.crc && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "a sealed segment's table has its checksum",
        file: "src/store/journal/sealed.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "a segment's header has its checksum",
        file: "src/store/journal/segment.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "FORMAT and HEAD have their checksums",
        file: "src/store/layout.rs",
        text: "if computed != found {",
        instead: "if computed != found && false {",
        check: UNIT,
    },
    SafetyLine {
        name: "a value of the trees has its checksum",
        file: "src/store/trees/engine.rs",
        text: "if stored.len() < 4 || computed != found {",
        instead: "if stored.len() < 4 {",
        check: UNIT,
    },
    SafetyLine {
        name: "one process writes",
        file: "src/store/layout.rs",
        text: "match file.try_lock() {",
        instead: "match Ok::<(), TryLockError>(()) {",
        check: BAD_INPUT,
    },
    SafetyLine {
        name: "an event that is there is not written again",
        file: "src/store/append.rs",
        text: "None => self.known(prepared)?,",
        instead: "None => self.known(prepared)?.filter(|_| false),",
        check: BAD_INPUT,
    },
    SafetyLine {
        name: "an id that is taken is a conflict",
        file: "src/store/append.rs",
        text: "if same_content(&known.record, &prepared.record) {",
        instead: "if same_content(&known.record, &prepared.record) || true {",
        check: BAD_INPUT,
    },
    SafetyLine {
        name: "a torn tail is cut off",
        file: "src/store/journal/writer.rs",
        text: "                file.set_len(place.offset)?;\n",
        instead: "\n",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "what may not be on the disk is written again at opening",
        file: "src/store/journal/writer.rs",
        text: "write_again(file, from.offset, place.offset)?;",
        instead: "let _ = (write_again, from);",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "what was read at opening is synced",
        file: "src/store/journal/writer.rs",
        text: "            if torn || unproven.is_some() {\n                file.sync_all()?;",
        instead: "            if torn && unproven.is_some() && false {\n                file.sync_all()?;",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "a segment's header is synced before it has its name",
        file: "src/store/journal/writer.rs",
        text: "file.write_all(&header.encode())?;\n        file.sync_all()",
        instead: "file.write_all(&header.encode())",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "names are synced",
        file: "src/store/journal/segment.rs",
        text: "let sync = || fs::File::open(folder)?.sync_all();",
        instead: "let sync = || Ok::<(), io::Error>(());",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "a sealed segment is synced before it replaces the plain one",
        file: "src/store/journal/seal.rs",
        text: "file.write_all(&sealed_bytes)?;\n        file.sync_all()",
        instead: "file.write_all(&sealed_bytes)",
        check: TORN_WRITES,
    },
    SafetyLine {
        name: "FORMAT and HEAD are synced before they have their names",
        file: "src/store/layout.rs",
        text: "            file.sync_all()?;\n            fs::rename(",
        instead: "            fs::rename(",
        check: TORN_WRITES,
    },
];
