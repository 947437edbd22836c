//! The typed handle: joins the contract's types with the store that keeps their bytes.

mod admit;
mod artifact;
mod capability;
mod commit;
mod entry;
mod entry_query;
mod error_map;
mod experience_log;
mod follow;
mod foreign;
mod identifier;
mod kind_code;
mod options;
mod outcome;
mod reader;
pub(crate) mod request;
mod scan;
mod stats;
pub(crate) mod time;

pub use artifact::{Artifact, ArtifactChange};
pub use capability::{Appender, Replayer};
pub use commit::Commit;
pub use entry::{LogEntry, Payload, ScanCursor};
pub use entry_query::EntryQuery;
pub use experience_log::ExperienceLog;
pub use follow::{Follow, Replay};
pub use foreign::ForeignEvent;
pub use identifier::IdentifierRule;
pub use options::Options;
pub use outcome::{Appended, BatchOutcome};
pub use reader::LogReader;
pub use scan::{Scan, ScanOptions};
pub use stats::{Sizes, Stats};
