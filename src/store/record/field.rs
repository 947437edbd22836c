//! The texts of a record.

/// The longest field, in bytes: what bounds a record without its payload.
pub(crate) const MAX_FIELD: usize = 256;

/// A text that a record is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    EventId,
    Tenant,
    Correlation,
    Chain,
    Artifact,
    TraceLink,
    /// Whose payload it is, where it is not the log's own contract.
    Contract,
    /// The kind's name in that contract.
    KindName,
}

/// Every field, in the order of its presence bit.
pub(crate) const FIELDS: [Field; 8] = [
    Field::EventId,
    Field::Tenant,
    Field::Correlation,
    Field::Chain,
    Field::Artifact,
    Field::TraceLink,
    Field::Contract,
    Field::KindName,
];

/// The bits of the fields that only a record of another contract has: both or neither.
pub(super) const FOREIGN_BITS: u8 = 1 << Field::Contract as u8 | 1 << Field::KindName as u8;

/// The texts of a record that is being written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) chain: Option<&'a str>,
    pub(crate) artifact: Option<&'a str>,
    pub(crate) trace_link: Option<&'a str>,
    /// Both of these or neither.
    pub(crate) contract: Option<&'a str>,
    pub(crate) kind_name: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn get(&self, field: Field) -> Option<&'a str> {
        match field {
            Field::EventId => Some(self.event_id),
            Field::Tenant => self.tenant,
            Field::Correlation => self.correlation,
            Field::Chain => self.chain,
            Field::Artifact => self.artifact,
            Field::TraceLink => self.trace_link,
            Field::Contract => self.contract,
            Field::KindName => self.kind_name,
        }
    }
}
