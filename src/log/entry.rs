//! One event of the log, decoded when it is asked for.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{admit, kind_code, time};
use crate::contract::experience_store::{ExperienceEventEnvelope, ExperienceEventKind};
use crate::error::{Error, Result};
use crate::store::digest;
use crate::store::hit::Hit;
use crate::store::instant::{Instant, Position};
use crate::store::record::{Field, Record};

/// An event of the log and where it stands. Its envelope is decoded by [`envelope`](Self::envelope), not
/// before.
#[derive(Debug, Clone)]
pub struct LogEntry {
    position: Position,
    recorded_at: i64,
    record: Record,
}

impl LogEntry {
    pub(crate) fn new(hit: Hit) -> Self {
        Self {
            position: hit.position,
            recorded_at: hit.recorded_at,
            record: hit.record,
        }
    }

    /// The sequence number: gap-free from 0, in the order of appending, never reused.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.position.sequence
    }

    /// When the log recorded it, by the clock of the machine that did.
    #[must_use]
    pub fn recorded_at(&self) -> SystemTime {
        let distance = Duration::from_nanos(self.recorded_at.unsigned_abs());
        if self.recorded_at < 0 {
            UNIX_EPOCH - distance
        } else {
            UNIX_EPOCH + distance
        }
    }

    /// When the log recorded it, in UTC as RFC 3339.
    #[must_use]
    pub fn recorded_at_text(&self) -> String {
        time::format_recorded(self.recorded_at)
    }

    /// When it happened, by its `occurred_at`, in UTC as RFC 3339.
    #[must_use]
    pub fn instant_text(&self) -> String {
        time::format(self.position.instant)
    }

    /// The same as nanoseconds since 1970-01-01T00:00:00Z; negative before. That of a logical time is only good to
    /// order by.
    #[must_use]
    pub fn instant_nanoseconds(&self) -> i128 {
        time::nanoseconds(self.position.instant)
    }

    /// The BLAKE3 hash of its stored bytes: equal for the same event in two logs of one format.
    #[must_use]
    pub fn content_hash(&self) -> [u8; 32] {
        digest::blake3(self.record.payload())
    }

    /// The number by which the log knows its kind, also where [`kind`](Self::kind) is `None`. The kinds of other
    /// contracts share one.
    #[must_use]
    pub fn kind_number(&self) -> u16 {
        self.record.kind()
    }

    /// The event's id.
    #[must_use]
    pub fn event_id(&self) -> &str {
        self.record.event_id()
    }

    /// The event's tenant.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.record.field(Field::Tenant)
    }

    /// The run or chain of work it belongs to.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.record.field(Field::Correlation)
    }

    /// The chain it carries; in the log's own contract, four kinds do.
    #[must_use]
    pub fn chain_id(&self) -> Option<&str> {
        self.record.field(Field::Chain)
    }

    /// The artifact it tells of.
    #[must_use]
    pub fn artifact_id(&self) -> Option<&str> {
        self.record.field(Field::Artifact)
    }

    /// The trace link it records.
    #[must_use]
    pub fn trace_link_id(&self) -> Option<&str> {
        self.record.field(Field::TraceLink)
    }

    /// The event's kind in the log's own contract; `None` if it is of another one, or if a newer version of the
    /// log wrote one that this build does not know.
    #[must_use]
    pub fn kind(&self) -> Option<ExperienceEventKind> {
        kind_code::kind(self.record.kind())
    }

    /// The name of the event's kind, in whatever contract; `None` for one of the log's own contract that this
    /// build does not know.
    #[must_use]
    pub fn kind_name(&self) -> Option<&str> {
        self.record
            .field(Field::KindName)
            .or_else(|| self.kind().map(ExperienceEventKind::as_str))
    }

    /// Whose event it is: the name of another contract, or `None` for the log's own.
    #[must_use]
    pub fn contract(&self) -> Option<&str> {
        self.record.field(Field::Contract)
    }

    /// The event itself, as bytes or as an envelope.
    ///
    /// # Errors
    ///
    /// As for [`envelope`](Self::envelope), for an event of the log's own contract.
    pub fn payload(&self) -> Result<Payload<'_>> {
        match self.contract() {
            Some(contract) => Ok(Payload::Foreign {
                contract,
                kind: self.record.field(Field::KindName).unwrap_or_default(),
                json: admit::foreign_payload(&self.record, self.position.sequence)?,
            }),
            None => self
                .envelope()
                .map(|envelope| Payload::Own(Box::new(envelope))),
        }
    }

    /// Bytes it takes in the journal, before compression.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.record.as_bytes().len()
    }

    /// Where a scan goes on behind this event.
    #[must_use]
    pub fn cursor(&self) -> ScanCursor {
        ScanCursor(self.position)
    }

    /// The event itself.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignEvent`], if it is of another contract: [`payload`](Self::payload) gives its bytes.
    /// [`Error::Undecodable`], if a newer version of the log wrote something this build does not know.
    pub fn envelope(&self) -> Result<ExperienceEventEnvelope> {
        admit::decode(&self.record, self.position.sequence)
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload<'a> {
    /// An envelope of the log's own contract.
    Own(Box<ExperienceEventEnvelope>),
    /// An event of another contract.
    Foreign {
        /// Whose event it is.
        contract: &'a str,
        /// The kind's name there.
        kind: &'a str,
        /// The event as it was appended, byte for byte: JSON.
        json: &'a str,
    },
}

/// A place in the order of results. As text, it can be kept and read back.
///
/// ```
/// use experience_log::ScanCursor;
///
/// let cursor: ScanCursor = "1768996800.000000000/42".parse()?;
/// assert_eq!(cursor.to_string(), "1768996800.000000000/42");
/// # Ok::<(), experience_log::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanCursor(pub(crate) Position);

impl fmt::Display for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { instant, sequence } = self.0;
        write!(
            f,
            "{}.{:09}/{sequence}",
            instant.seconds(),
            instant.nanoseconds()
        )
    }
}

impl FromStr for ScanCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (instant, sequence) = text.split_once('/')?;
            let (seconds, nanoseconds) = instant.split_once('.')?;
            let instant = Instant::new(seconds.parse().ok()?, nanoseconds.parse().ok()?)?;
            Some(Self(Position {
                instant,
                sequence: sequence.parse().ok()?,
            }))
        };
        parse().ok_or_else(|| Error::InvalidQuery {
            field: "cursor",
            value: text.to_owned(),
            reason: "it is not seconds.nanoseconds/sequence".to_owned(),
        })
    }
}
