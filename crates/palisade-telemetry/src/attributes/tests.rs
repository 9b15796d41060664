//! Tests of the table of names.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_stands_there_once() {
    let mut names: BTreeSet<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
    names.extend(ATTRIBUTES.iter().map(|attribute| attribute.name));
    assert_eq!(names.len(), EVENTS.len() + ATTRIBUTES.len());
}

#[test]
fn our_names_stand_under_ours() {
    let (foreign, ours): (Vec<_>, Vec<_>) =
        ATTRIBUTES.iter().map(|row| row.name).partition(|name| !name.starts_with("palisade."));
    assert!(ours.iter().all(|name| name.split('.').count() >= 2));
    // What others named: a new one has to be looked up in their conventions first.
    assert_eq!(
        foreign,
        [
            "service.name",
            "service.version",
            "service.instance.id",
            "client.address",
            "error.type",
            "gen_ai.agent.id",
            "gen_ai.conversation.id",
            "gen_ai.operation.name",
            "gen_ai.tool.name",
            "rpc.method",
            "rpc.response.status_code",
            "rpc.system.name",
        ]
    );
}

#[test]
fn the_schema_url_ends_in_the_version() {
    assert_eq!(SCHEMA_URL.rsplit('/').next(), Some(VERSION));
}

#[test]
fn rows_are_sentences_and_stand_somewhere() {
    for attribute in ATTRIBUTES {
        assert!(attribute.meaning.ends_with('.'), "{}", attribute.name);
        assert!(!attribute.meaning.contains('|'), "{}", attribute.name);
        assert!(!attribute.signals.is_empty(), "{}", attribute.name);
    }
}

#[test]
fn the_document_has_every_row() {
    let text = markdown();
    for attribute in ATTRIBUTES {
        assert!(text.contains(&format!("| `{}` |", attribute.name)), "{}", attribute.name);
    }
    assert_eq!(text.lines().count(), ATTRIBUTES.len() + EVENTS.len() + 7);
}
