//! Events of other contracts, read as far as they resemble the log's own.

use serde_json::{Value, json};

use crate::contract::experience_store::{ExperienceEvent, ExperienceEventKind};

/// The JSON without breaks between its parts: inside of strings they are escaped anyway.
pub(super) fn on_one_line(json: &str) -> String {
    json.replace(['\n', '\r', '\t'], " ")
}

/// The event of the log's own contract that another contract's event of this kind reads as. Contracts of one family
/// write `{"event": {"type": …, "data": …}}` with the same members; what they have besides is passed over.
pub(super) fn like(kind: &str, json: &str) -> Option<ExperienceEvent> {
    if !ExperienceEventKind::ALL
        .iter()
        .any(|own| own.as_str() == kind)
    {
        return None;
    }
    let mut value: Value = serde_json::from_str(json).ok()?;
    let mut data = value
        .pointer_mut("/event/data")
        .map(Value::take)
        .filter(Value::is_object)?;
    // A reason may be more than a text there.
    if let Some(reason) = data.get_mut("stop_reason")
        && !matches!(reason, Value::Null | Value::String(_))
    {
        *reason = Value::String(reason.to_string());
    }
    serde_json::from_value(json!({ "type": kind, "data": data })).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_related_event_reads_as_the_own_one() {
        let json = r#"{"event_id":"e","event":{"type":"OutcomeRecorded","data":{"chain_id":"c",
            "step":"Planning","passed":false,"stop_reason":{"Error":{"message":"x"}},"latency_ms":5,
            "tokens":7,"cost_microdollars":9,"backend":null,"metadata":{"a":1}}}}"#;
        let Some(ExperienceEvent::OutcomeRecorded {
            stop_reason,
            tokens,
            ..
        }) = like("OutcomeRecorded", json)
        else {
            panic!("it reads as an outcome");
        };
        assert_eq!(stop_reason.as_deref(), Some(r#"{"Error":{"message":"x"}}"#));
        assert_eq!(tokens, Some(7));
        assert_eq!(like("HypothesisResolved", json), None);
        assert_eq!(like("FactPromoted", json), None);
        assert_eq!(like("OutcomeRecorded", "[]"), None);
        assert_eq!(like("OutcomeRecorded", "not JSON"), None);
    }

    #[test]
    fn breaks_between_parts_become_blanks() {
        assert_eq!(on_one_line("{\n\t\"a\": \"\\n\"\r}"), "{  \"a\": \"\\n\" }");
    }
}
