//! The stored bytes: what goes in comes out, canonically; and hostile bytes are refused.

use std::collections::HashMap;

use serde_json::{Map, Number, Value, json};

use super::envelope::DECODE_LIMIT;
use super::{CodecAction, CodecError, MAX_JSON_DEPTH, decode, encode};
use crate::contract::experience_store::{
    ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind, PolicySnapshot,
};
use crate::contract::kernel_boundary::{
    DecisionStep, KernelProposal, RemoteTraceLink, RoutingPolicy, TraceLink,
};
use crate::contract::samples;

/// Everything but the payload is short, and known byte for byte.
fn with_payload(structured_payload: Option<Value>) -> ExperienceEventEnvelope {
    proposed(KernelProposal {
        structured_payload,
        ..samples::proposal(TraceLink::Local(samples::local_trace()))
    })
}

fn proposed(proposal: KernelProposal) -> ExperienceEventEnvelope {
    let event = ExperienceEvent::ProposalCreated {
        proposal,
        chain_id: "chain-1".into(),
        step: DecisionStep::Planning,
        policy_snapshot_hash: None,
    };
    ExperienceEventEnvelope::new("e", event)
}

fn payload_of(envelope: ExperienceEventEnvelope) -> Option<Value> {
    match envelope.event {
        ExperienceEvent::ProposalCreated { proposal, .. } => proposal.structured_payload,
        other => panic!("a {} came back", other.kind()),
    }
}

/// The bytes of a value alone, cut out of an envelope's.
fn value_bytes(value: Value) -> Vec<u8> {
    let without = encode(&with_payload(None)).unwrap();
    let at = payload_offset();
    let tail = without.len() - at;
    let bytes = encode(&with_payload(Some(value))).unwrap();
    assert_eq!(bytes[at - 1], 1);
    bytes[at..bytes.len() - tail].to_vec()
}

/// An envelope whose payload has these bytes, honest or not.
fn decode_value(value: &[u8]) -> Result<Option<Value>, CodecError> {
    let without = encode(&with_payload(None)).unwrap();
    let at = payload_offset();
    let bytes = [&without[..at - 1], &[1], value, &without[at..]].concat();
    decode(&bytes).map(payload_of)
}

/// Where the value starts: after the option's tag, which is the first byte that differs.
fn payload_offset() -> usize {
    let without = encode(&with_payload(None)).unwrap();
    let with = encode(&with_payload(Some(Value::Null))).unwrap();
    let differs = without.iter().zip(&with).position(|(a, b)| a != b);
    differs.unwrap() + 1
}

fn nested(depth: usize, wrap: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(Value::Null, |value, _| wrap(value))
}

fn in_array(value: Value) -> Value {
    Value::Array(vec![value])
}

fn in_object(value: Value) -> Value {
    Value::Object(Map::from_iter([("k".to_string(), value)]))
}

#[test]
fn every_sample_reads_back() {
    for envelope in samples::envelopes() {
        let bytes = encode(&envelope).unwrap();
        let back = decode(&bytes).unwrap();
        assert_eq!(back, envelope);
        assert_eq!(encode(&back).unwrap(), bytes);
    }
}

#[test]
fn the_variants_position_is_stored() {
    // Byte 0 to 3 are two strings of one byte; 4 and 5 are two absent options.
    for event in samples::events() {
        let kind = event.kind();
        let envelope = ExperienceEventEnvelope::new("e", event).with_timestamp("t");
        let bytes = encode(&envelope).unwrap();
        let expected = ExperienceEventKind::ALL.iter().position(|k| *k == kind);
        assert_eq!(Some(usize::from(bytes[6])), expected, "{kind}");
    }
}

#[test]
fn every_prefix_is_refused_as_truncated() {
    for envelope in samples::envelopes() {
        let bytes = encode(&envelope).unwrap();
        for len in 0..bytes.len() {
            let error = decode(&bytes[..len]).unwrap_err();
            assert!(error.is_truncated(), "{len} of {}: {error}", bytes.len());
        }
    }
}

#[test]
fn every_changed_byte_is_read_or_refused() {
    for envelope in samples::envelopes() {
        let bytes = encode(&envelope).unwrap();
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                // Must return, whatever it says.
                if let Ok(read) = decode(&changed) {
                    assert_eq!(encode(&read).map(|_| ()), Ok(()));
                }
            }
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    for envelope in samples::envelopes() {
        let mut bytes = encode(&envelope).unwrap();
        let expected = bytes.len();
        bytes.extend([0, 0]);
        let error = CodecError::TrailingBytes {
            expected,
            found: expected + 2,
        };
        assert_eq!(decode(&bytes), Err(error));
    }
}

#[test]
fn messages_say_what_was_expected_and_found() {
    let valid = encode(&ExperienceEventEnvelope::new(
        "e",
        ExperienceEvent::BudgetExceeded {
            chain_id: "c".into(),
            resource: "r".into(),
            limit: "1".into(),
            observed: None,
        },
    ))
    .unwrap();
    let kind_at = valid.iter().position(|&byte| byte == 10).unwrap();
    let mut unknown = valid.clone();
    unknown[kind_at] = 77;
    assert_eq!(
        decode(&unknown).unwrap_err().to_string(),
        "cannot decode an envelope of 33 bytes: ExperienceEvent has no variant 77"
    );
    let mut not_text = valid.clone();
    not_text[1] = 0xff;
    assert!(
        decode(&not_text)
            .unwrap_err()
            .to_string()
            .contains("not UTF-8")
    );
    assert_eq!(
        decode(&valid[..32]).unwrap_err().to_string(),
        "cannot decode an envelope: 32 bytes, at least 1 too few"
    );
}

#[test]
fn maps_give_the_same_bytes_in_any_order() {
    let entries: Vec<(String, String)> = (0..500)
        .map(|i| (format!("key-{i}"), i.to_string()))
        .collect();
    let forward: HashMap<_, _> = entries.iter().cloned().collect();
    let mut backward: HashMap<_, _> = HashMap::with_capacity(5000);
    backward.extend(entries.iter().rev().cloned());

    let remote = |provider_metadata| {
        let trace_link = TraceLink::Remote(RemoteTraceLink {
            provider_metadata,
            ..samples::remote_trace()
        });
        proposed(samples::proposal(trace_link))
    };
    let (first, second) = (remote(forward.clone()), remote(backward.clone()));
    assert_eq!(encode(&first).unwrap(), encode(&second).unwrap());
    assert_eq!(
        serde_json::to_string(&first).unwrap(),
        serde_json::to_string(&second).unwrap()
    );
    assert_eq!(decode(&encode(&second).unwrap()).unwrap(), first);

    let routing = |truth_preferences, reverse: bool| {
        let policy = samples::routing_policy();
        let mut tiers: Vec<_> = policy.risk_tier_backends.into_iter().collect();
        let mut classes: Vec<_> = policy.data_classification_backends.into_iter().collect();
        if reverse {
            tiers.reverse();
            classes.reverse();
        }
        let policy = PolicySnapshot::Routing(RoutingPolicy {
            truth_preferences,
            risk_tier_backends: tiers.into_iter().collect(),
            data_classification_backends: classes.into_iter().collect(),
            default_backend: policy.default_backend,
        });
        let event = ExperienceEvent::PolicySnapshotCaptured {
            policy_id: "p".into(),
            policy,
            snapshot_hash: "h".into(),
            captured_by: "c".into(),
        };
        ExperienceEventEnvelope::new("e", event)
    };
    let expected = encode(&routing(forward.clone(), false)).unwrap();
    for _ in 0..20 {
        assert_eq!(encode(&routing(forward.clone(), false)).unwrap(), expected);
        assert_eq!(encode(&routing(backward.clone(), true)).unwrap(), expected);
    }
}

#[test]
fn a_key_that_occurs_twice_is_refused() {
    let object = [9, 2, 1, b'k', 0, 1, b'k', 2];
    assert!(matches!(
        decode_value(&object),
        Err(CodecError::DuplicateKey { .. })
    ));

    let trace_link = TraceLink::Remote(samples::remote_trace());
    let mut bytes = encode(&proposed(samples::proposal(trace_link))).unwrap();
    // The metadata is { id: 7, region: eu }; make "region" and "id" the same by length and text.
    let at = find(&bytes, b"\x02\x02id\x017\x06region\x02eu");
    bytes.splice(at..at + 16, *b"\x02\x02id\x017\x02id\x02eu");
    assert!(matches!(
        decode(&bytes),
        Err(CodecError::DuplicateKey { .. })
    ));
    // In another order, without a repetition, it is read.
    let at = find(&bytes, b"\x02id\x02eu");
    bytes[at + 1] = b'a';
    assert!(decode(&bytes).is_ok());
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    let mut windows = bytes.windows(part.len());
    windows.position(|window| window == part).unwrap()
}

#[test]
fn values_have_the_tags_that_are_specified() {
    let cases: [(Value, &[u8]); 17] = [
        (json!(null), &[0]),
        (json!(false), &[1]),
        (json!(true), &[2]),
        (json!(0), &[3, 0]),
        (json!(250), &[3, 250]),
        (json!(251), &[3, 251, 251, 0]),
        (
            json!(u64::MAX),
            &[3, 253, 255, 255, 255, 255, 255, 255, 255, 255],
        ),
        (json!(-1), &[4, 1]),
        (
            json!(i64::MIN),
            &[4, 253, 255, 255, 255, 255, 255, 255, 255, 255],
        ),
        (json!(1.0), &[5, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
        (json!(-0.0), &[5, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        (json!(""), &[7, 0]),
        (json!("é"), &[7, 2, 0xc3, 0xa9]),
        (json!([]), &[8, 0]),
        (json!([null, [true]]), &[8, 2, 0, 8, 1, 2]),
        (json!({}), &[9, 0]),
        (
            json!({"a": null, "b": 1}),
            &[9, 2, 1, b'a', 0, 1, b'b', 3, 1],
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(value_bytes(value.clone()), expected, "{value}");
        let back = decode_value(expected).unwrap().unwrap();
        assert_eq!(back, value);
        assert_eq!(back.to_string(), value.to_string());
    }
}

#[test]
fn floats_and_large_numbers_come_back_exactly() {
    for float in [
        0.1,
        0.1 + 0.2,
        1e300,
        -1e-300,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        9_007_199_254_740_993.0,
    ] {
        let back = decode_value(&value_bytes(json!(float))).unwrap().unwrap();
        assert_eq!(back.as_f64().unwrap().to_bits(), float.to_bits());
    }
}

#[test]
fn a_number_kept_as_text_is_read() {
    let text = |text: &str| [&[6, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let back = decode_value(&text("0.25")).unwrap().unwrap();
    assert_eq!(back, Value::Number("0.25".parse::<Number>().unwrap()));
    for hostile in ["", "x", "01", "1 ", "[1]", "NaN"] {
        assert!(
            matches!(
                decode_value(&text(hostile)),
                Err(CodecError::Malformed { .. })
            ),
            "{hostile:?}"
        );
    }
}

#[test]
fn an_object_in_any_order_gives_the_same_bytes() {
    let forward = json!({"a": 1, "b": {"x": 1, "y": 2}, "c": 3});
    let backward = json!({"c": 3, "b": {"y": 2, "x": 1}, "a": 1});
    assert_eq!(value_bytes(forward), value_bytes(backward));
}

#[test]
fn a_null_payload_is_not_an_absent_one() {
    for payload in [None, Some(Value::Null)] {
        let envelope = with_payload(payload.clone());
        let back = decode(&encode(&envelope).unwrap()).unwrap();
        assert_eq!(payload_of(back), payload);
    }
}

#[test]
fn nesting_is_bounded_on_both_ways() {
    for wrap in [in_array, in_object] {
        let deepest = nested(MAX_JSON_DEPTH, wrap);
        let bytes = value_bytes(deepest.clone());
        assert_eq!(decode_value(&bytes).unwrap(), Some(deepest));

        let too_deep = with_payload(Some(nested(MAX_JSON_DEPTH + 1, wrap)));
        let error = CodecError::TooDeep {
            action: CodecAction::Encode,
            limit: 128,
        };
        assert_eq!(encode(&too_deep), Err(error));
    }
    let error = CodecError::TooDeep {
        action: CodecAction::Decode,
        limit: 128,
    };
    let one_too_deep = [[8, 1].repeat(MAX_JSON_DEPTH), vec![8, 0]].concat();
    assert_eq!(decode_value(&one_too_deep), Err(error.clone()));
    let hostile = [9, 1, 0].repeat(1_000_000);
    assert_eq!(decode_value(&hostile), Err(error));
}

#[test]
fn hostile_lengths_are_refused() {
    let huge: &[&[u8]] = &[
        &[252, 255, 255, 255, 255],
        &[253, 255, 255, 255, 255, 255, 255, 255, 255],
        &[252, 0, 0, 0, 2],
    ];
    for length in huge {
        for tag in [6, 7, 8, 9] {
            let error = decode_value(&[&[tag], *length].concat()).unwrap_err();
            let refused = matches!(
                error,
                CodecError::TooLarge {
                    action: CodecAction::Decode,
                    limit: 0..=0x4_0000,
                    ..
                }
            );
            assert!(refused, "{error}");
        }
        // The envelope's own first string.
        assert!(matches!(decode(length), Err(CodecError::TooLarge { .. })));
    }
    assert!(matches!(
        decode_value(&[10]),
        Err(CodecError::Malformed { .. })
    ));
    let nan = [&[5][..], &f64::NAN.to_le_bytes()].concat();
    assert!(matches!(
        decode_value(&nan),
        Err(CodecError::Malformed { .. })
    ));
}

#[test]
fn the_densest_honest_values_decode_at_every_length() {
    // One byte per item is the worst there is, around each step of the limit too.
    for count in [100, 1_500, 1_900, 2_100, 60_000, 65_000, 66_000, 500_000] {
        let nulls = Value::Array(vec![Value::Null; count]);
        let envelope = with_payload(Some(nulls));
        assert_eq!(decode(&encode(&envelope).unwrap()).unwrap(), envelope);

        let trace_link = TraceLink::Remote(RemoteTraceLink {
            retry_reasons: vec![String::new(); count],
            ..samples::remote_trace()
        });
        let envelope = proposed(samples::proposal(trace_link));
        assert_eq!(decode(&encode(&envelope).unwrap()).unwrap(), envelope);
    }
}

#[test]
fn what_could_not_be_decoded_is_not_encoded() {
    let fits = with_payload(Some(Value::String("x".repeat(DECODE_LIMIT - 4096))));
    assert_eq!(decode(&encode(&fits).unwrap()).unwrap(), fits);

    for payload in [
        Value::String("x".repeat(DECODE_LIMIT)),
        Value::Array(vec![Value::Null; DECODE_LIMIT / 16]),
    ] {
        let error = encode(&with_payload(Some(payload))).unwrap_err();
        let refused = matches!(
            error,
            CodecError::TooLarge {
                action: CodecAction::Encode,
                limit: DECODE_LIMIT,
                ..
            }
        );
        assert!(refused, "{error}");
    }
}

#[test]
fn floats_that_are_no_numbers_keep_their_bits() {
    for bits in [
        f32::NAN.to_bits(),
        0x7fa0_0001,
        0xffc1_2345,
        f32::INFINITY.to_bits(),
        f32::NEG_INFINITY.to_bits(),
        (-0.0_f32).to_bits(),
    ] {
        let odd = f32::from_bits(bits);
        let trace_link = TraceLink::Remote(RemoteTraceLink {
            temperature: odd,
            ..samples::remote_trace()
        });
        let envelope = proposed(KernelProposal {
            confidence: Some(odd),
            ..samples::proposal(trace_link)
        });
        let back = decode(&encode(&envelope).unwrap()).unwrap();
        let ExperienceEvent::ProposalCreated { proposal, .. } = back.event else {
            panic!("another kind came back");
        };
        assert_eq!(proposal.confidence.unwrap().to_bits(), bits);
        let TraceLink::Remote(remote) = proposal.trace_link else {
            panic!("another trace link came back");
        };
        assert_eq!(remote.temperature.to_bits(), bits);
    }
}
