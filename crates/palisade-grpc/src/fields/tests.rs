//! What is counted, against messages of which that is known.

use palisade_proto::v1;
use proptest::prelude::*;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::*;

const REQUEST: &str = ".palisade.v1.AuthorizeRequest";
const BATCH: &str = ".palisade.v1.AuthorizeBatchRequest";

/// Counts the fields of a message that arrives in pieces of this size.
fn count(name: &str, bytes: &[u8], piece: usize) -> Result<usize, RequestError> {
    let shapes = Arc::new(Shapes::read(palisade_proto::FILE_DESCRIPTOR_SET).expect("ours"));
    let shape = shapes.index_of(name).expect("it is in the contract");
    let mut count = FieldCount::new(shapes, shape, bytes.len());
    bytes.chunks(piece).try_for_each(|piece| count.feed(piece))?;
    Ok(count.fields)
}

fn asserted(attributes: Option<Struct>) -> v1::Link {
    let asserted = v1::AssertedActor {
        kind: v1::ActorKind::Agent.into(),
        issuer: "corp".to_owned(),
        subject: "bot".to_owned(),
        attributes,
    };
    v1::Link { link: Some(v1::link::Link::Asserted(asserted)), possession: None }
}

#[test]
fn fields_are_counted_at_every_depth() {
    let list = ListValue { values: vec![Value { kind: Some(Kind::BoolValue(true)) }; 5] };
    let attributes =
        Struct { fields: [("a".to_owned(), Value { kind: Some(Kind::ListValue(list)) })].into() };
    let request = v1::AuthorizeRequest {
        // 2 + 3 fields.
        chain: vec![asserted(None)],
        // One, whatever is in it.
        arguments: vec![0x0a; 1000],
        ..Default::default()
    };
    let with_attributes =
        // The same again; attributes, entry, key, value, list, 5 times value and bool.
        v1::AuthorizeRequest { chain: vec![asserted(None), asserted(Some(attributes))], ..request.clone() };
    for piece in [1, 2, 7, 10_000] {
        assert_eq!(count(REQUEST, &request.encode_to_vec(), piece), Ok(6), "{piece}");
        let bytes = with_attributes.encode_to_vec();
        assert_eq!(count(REQUEST, &bytes, piece), Ok(6 + 5 + 5 + 10), "{piece}");
        let batch = v1::AuthorizeBatchRequest { requests: vec![request.clone(); 10] };
        assert_eq!(count(BATCH, &batch.encode_to_vec(), piece), Ok(70), "{piece}");
    }
}

#[test]
fn the_limit_is_the_number_it_says() {
    let batch =
        |requests| v1::AuthorizeBatchRequest { requests: vec![Default::default(); requests] };
    let at = batch(MESSAGE_FIELDS_MAX).encode_to_vec();
    assert_eq!(count(BATCH, &at, 1000), Ok(MESSAGE_FIELDS_MAX));
    let over = batch(MESSAGE_FIELDS_MAX + 1).encode_to_vec();
    assert_eq!(count(BATCH, &over, 1000), Err(RequestError::MessageFields));
}

#[test]
fn what_the_decoder_would_not_read_is_refused() {
    for (name, bytes) in [
        ("longer than the message", &b"\x1a\x05x"[..]),
        ("longer than the message around it", b"\x12\x02\x12\x01\x00"),
        ("a group, behind which all would be unseen", b"\x0b\x0c\x12\x00"),
        ("a number without end", &[0xff; 11]),
        ("a fixed number that is cut off", b"\x79\x00"),
    ] {
        let counted = count(REQUEST, bytes, 1);
        assert!(
            matches!(counted, Err(RequestError::MessageMalformed { .. })),
            "{name}: {counted:?}"
        );
        assert!(
            name.starts_with("a group") || v1::AuthorizeRequest::decode(bytes).is_err(),
            "{name}"
        );
    }
}

#[test]
fn nesting_ends_before_the_decoder_does() {
    let nested = |depth: usize| {
        let mut value = Value { kind: None };
        for _ in 0..depth {
            value = Value { kind: Some(Kind::ListValue(ListValue { values: vec![value] })) };
        }
        let attributes = Struct { fields: [(String::new(), value)].into() };
        let request =
            v1::AuthorizeRequest { chain: vec![asserted(Some(attributes))], ..Default::default() };
        request.encode_to_vec()
    };
    assert!(count(REQUEST, &nested(40), 10).is_ok());
    assert!(v1::AuthorizeRequest::decode(&nested(40)[..]).is_ok());
    assert!(count(REQUEST, &nested(60), 10).is_err());
    assert!(v1::AuthorizeRequest::decode(&nested(60)[..]).is_err());
}

proptest! {
    /// Else what is decoded could be more than what was counted.
    #[test]
    fn what_is_decoded_was_counted(bytes in proptest::collection::vec(
        prop_oneof![Just(0_u8), Just(0x12), Just(0x0a), Just(0x52), 0..=4_u8, any::<u8>()],
        0..200,
    )) {
        let counted = count(REQUEST, &bytes, 3);
        if let (Ok(request), Ok(fields)) = (v1::AuthorizeRequest::decode(&bytes[..]), counted) {
            prop_assert!(request.chain.len() + request.evidence.len() <= fields);
        }
    }

    /// Nothing that the contract can say is refused for how it is written.
    #[test]
    fn what_is_well_formed_is_counted(
        subjects in proptest::collection::vec("\\PC{0,20}", 0..10),
        arguments in proptest::collection::vec(any::<u8>(), 0..500),
        piece in 1..100_usize,
    ) {
        let link = |subject: &String| {
            let mut link = asserted(None);
            if let Some(v1::link::Link::Asserted(actor)) = &mut link.link {
                actor.subject.clone_from(subject);
            }
            link
        };
        let request = v1::AuthorizeRequest {
            chain: subjects.iter().map(link).collect(),
            arguments,
            options: Some(v1::Options { dry_run: true, ..Default::default() }),
            ..Default::default()
        };
        prop_assert!(count(REQUEST, &request.encode_to_vec(), piece).is_ok());
    }
}
