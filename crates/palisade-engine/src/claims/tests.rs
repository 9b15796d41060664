//! What is taken from claims, at the limits and one past them.

use super::*;
use palisade_core::{ActorChain, ActorKind};

fn mapping(ty: ClaimType) -> ClaimMappings {
    let claim = ClaimPath::new("c").unwrap();
    let attributes = BTreeMap::from([("a".to_owned(), AttributeMapping { claim, ty })]);
    let user = KindMapping { attributes, groups: ClaimPath::new("/roles/groups") };
    ClaimMappings(BTreeMap::from([(ActorKind::User, user)]))
}

fn chain(links: &[(&str, Value)]) -> VerifiedChain {
    let actors = links.iter().map(|(actor, _)| actor.parse().unwrap()).collect();
    let mut chain = VerifiedChain::asserted(ActorChain::new(actors).unwrap());
    for (link, (_, claims)) in chain.links.iter_mut().zip(links) {
        link.claims = Arc::new(claims.as_object().unwrap().clone());
    }
    chain
}

fn read(ty: ClaimType, claims: Value) -> Result<Option<ClaimValue>, &'static str> {
    let credentials = mapping(ty).credentials(Some(&chain(&[("user:t:ann", claims)])));
    let mut credentials = credentials.map_err(|misfit| misfit.wanted)?;
    Ok(credentials.links.remove(0).attributes.remove("a"))
}

#[test]
fn every_type_takes_its_own_form_and_no_other() {
    let forms = [
        (ClaimType::Bool, json!(true), ClaimValue::Bool(true)),
        (ClaimType::Instant, json!(1), ClaimValue::Instant(EpochMillis::new(1000))),
        (ClaimType::Long, json!(-7), ClaimValue::Long(-7)),
        (ClaimType::String, json!("x"), ClaimValue::String("x".to_owned())),
        (ClaimType::Strings, json!(["x"]), ClaimValue::Strings(BTreeSet::from(["x".to_owned()]))),
    ];
    let others = [json!({}), json!([]), json!([1]), json!(1.5)];
    for (ty, form, value) in &forms {
        assert_eq!(read(*ty, json!({ "c": form })), Ok(Some(value.clone())), "{ty:?}");
        for (other, form, _) in &forms {
            let fits = other == ty
                || matches!(
                    (ty, other),
                    (ClaimType::Strings, ClaimType::String)
                        | (ClaimType::Long, ClaimType::Instant)
                        | (ClaimType::Instant, ClaimType::Long)
                );
            assert_eq!(read(*ty, json!({ "c": form })).is_ok(), fits, "{ty:?} {form}");
        }
        for other in &others {
            let fits = *ty == ClaimType::Strings && *other == json!([]);
            assert_eq!(read(*ty, json!({ "c": other })).is_ok(), fits, "{ty:?} {other}");
        }
        assert_eq!(read(*ty, json!({ "c": null })), Ok(None));
        assert_eq!(read(*ty, json!({ "d": form })), Ok(None));
    }
}

#[test]
fn an_entity_in_a_claim_stays_a_text() {
    let entity = r#"{"__entity":{"type":"Group","id":"finance"}}"#;
    let read = read(ClaimType::String, json!({ "c": entity })).unwrap().unwrap();
    assert_eq!(read.to_json(), json!(entity));
    assert!(texts(&json!([{ "__entity": { "type": "Group", "id": "g" } }])).is_err());
}

#[test]
fn texts_and_lists_end_at_their_limits() {
    let text = |bytes| json!({ "c": "x".repeat(bytes) });
    assert!(read(ClaimType::String, text(TEXT_BYTES_MAX)).is_ok());
    assert!(read(ClaimType::String, text(TEXT_BYTES_MAX + 1)).is_err());
    let list = |items: usize| json!({ "c": (0..items).map(|n| n.to_string()).collect::<Vec<_>>() });
    assert!(read(ClaimType::Strings, list(ITEMS_MAX)).is_ok());
    assert!(read(ClaimType::Strings, list(ITEMS_MAX + 1)).is_err());
}

#[test]
fn pointers_lead_through_objects_and_names_do_not() {
    let claims = json!({ "roles": { "groups": ["g"] }, "/roles/groups": "no", "a/b": { "": 1 } });
    let claims = claims.as_object().unwrap();
    let find = |path: &str| ClaimPath::new(path).unwrap().find(claims).cloned();
    assert_eq!(find("/roles/groups"), Some(json!(["g"])));
    assert_eq!(find("roles"), Some(json!({ "groups": ["g"] })));
    assert_eq!(find("/a~1b/"), Some(json!(1)));
    assert_eq!(find("roles/groups"), None);
    assert_eq!(find("/roles/groups/0"), None);
    assert_eq!(ClaimPath::new(""), None);
}

#[test]
fn only_the_kind_that_is_mapped_is_read() {
    let claims = json!({ "c": 1 });
    let links = [("agent:t:bot", claims.clone()), ("user:t:ann", claims)];
    let misfit = mapping(ClaimType::String).credentials(Some(&chain(&links))).unwrap_err();
    assert_eq!((misfit.link, misfit.claim.as_str()), (1, "c"));
    assert!(!mapping(ClaimType::Bool).sees(ActorKind::Agent));
    assert!(mapping(ClaimType::Bool).sees(ActorKind::User));
}

/// Keys of credentials that policies can tell apart differ, and others do not.
#[test]
fn keys_are_equal_exactly_if_what_is_seen_is() {
    let names = [json!([]), json!(["a"]), json!(["ab"]), json!(["a", "b"]), json!(["b", "a", "a"])];
    let mut seen = Vec::new();
    for proof in Proof::ALL {
        for (c, groups) in names.iter().flat_map(|c| names.iter().map(move |groups| (c, groups))) {
            for unseen in [true, false] {
                let claims = json!({ "c": c, "roles": { "groups": groups }, "jti": unseen });
                let mut chain = chain(&[("user:t:ann", claims)]);
                chain.links[0].proof = proof;
                seen.push(mapping(ClaimType::Strings).credentials(Some(&chain)).unwrap());
            }
        }
    }
    for one in &seen {
        for other in &seen {
            assert_eq!(one.key == other.key, one.links == other.links);
        }
    }
}
