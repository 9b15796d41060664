//! Where messages begin and end, however the bytes are cut into pieces.

use prost::Message as _;

use palisade_core::limits::MESSAGE_BYTES_MAX;
use palisade_proto::v1;

use super::*;
use crate::usage::{Budget, CONNECTION_ALLOWANCE_BYTES};

fn messages(method: &str, budget: usize) -> Messages {
    let methods = Arc::new(Methods::read().expect("the contract"));
    Messages {
        method: methods.at(&format!("/palisade.v1.AuthorizationService/{method}")),
        methods,
        usage: Arc::new(Usage::new(Arc::new(Budget::new(budget)))),
        held: Arc::default(),
        position: Position::START,
    }
}

fn prefix(bytes: usize) -> Vec<u8> {
    let mut prefix = vec![0];
    prefix.extend(u32::try_from(bytes).expect("small").to_be_bytes());
    prefix
}

fn framed(request: &v1::AuthorizeRequest) -> Vec<u8> {
    [prefix(request.encoded_len()), request.encode_to_vec()].concat()
}

#[test]
fn messages_end_where_they_say() {
    let request = v1::AuthorizeRequest { tool: "notes.read".to_owned(), ..Default::default() };
    let body = [framed(&request), framed(&v1::AuthorizeRequest::default()), framed(&request)];
    let body = body.concat();
    for piece in 1..=body.len() {
        let mut messages = messages("AuthorizeStream", 0);
        let mut ends = 0;
        for piece in body.chunks(piece) {
            ends += usize::from(messages.take_in(piece).expect("as it should be"));
        }
        assert!(ends > 0 && !messages.position.is_within(), "{piece}");
        let held: Vec<_> = std::iter::from_fn(|| messages.held.take_oldest()).collect();
        assert_eq!(held.len(), 3, "{piece}");
    }
}

#[test]
fn a_message_is_within_from_its_first_byte() {
    let mut messages = messages("Authorize", 0);
    assert!(!messages.position.is_within());
    for byte in [0, 0, 0, 0, 1] {
        assert_eq!(messages.take_in(&[byte]), Ok(false));
        assert!(messages.position.is_within());
    }
}

#[test]
fn a_message_is_refused_before_it_arrives() {
    let too_large = Err(RequestError::MessageTooLarge.into());
    let mut large = messages("Authorize", usize::MAX);
    assert_eq!(large.take_in(&prefix(MESSAGE_BYTES_MAX)), Ok(false));
    assert_eq!(
        messages("Authorize", usize::MAX).take_in(&prefix(MESSAGE_BYTES_MAX + 1)),
        too_large
    );
    let mut batch = messages("AuthorizeBatch", usize::MAX);
    assert_eq!(batch.take_in(&prefix(16 * 1024 * 1024)), Ok(false));
    let mut batch = messages("AuthorizeBatch", usize::MAX);
    assert_eq!(batch.take_in(&prefix(16 * 1024 * 1024 + 1)), too_large);
    let mut poor = messages("Authorize", 1000);
    let over = CONNECTION_ALLOWANCE_BYTES + 1001 - MESSAGE_BYTES;
    assert_eq!(poor.take_in(&prefix(over)), Err(CallError::BytesExhausted));
    assert_eq!(messages("Authorize", 1000).take_in(&prefix(over - 1)), Ok(false));
}

#[test]
fn many_fields_cost_more_than_their_bytes() {
    // Empty links: 2 bytes each, for which 96 may be kept; 8 of these are in proportion.
    let links = |count: usize| [prefix(2 * count), [0x12, 0].repeat(count)].concat();
    let enough = (CONNECTION_ALLOWANCE_BYTES - MESSAGE_BYTES) / (2 + 96 - 8);
    assert_eq!(messages("Authorize", 0).take_in(&links(enough)), Ok(true));
    let refused = messages("Authorize", 0).take_in(&links(enough + 1));
    assert_eq!(refused, Err(CallError::BytesExhausted));
    // They are held with their message, and by nothing else.
    let mut several = messages("AuthorizeStream", 0);
    for _ in 0..10 {
        assert_eq!(several.take_in(&links(enough)), Ok(true));
        assert!(several.held.take_oldest().is_some());
    }
}
