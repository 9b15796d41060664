use cedar_policy::Schema;
use serde_json::{Value, json};

use super::super::{cedar_schema, merge_fragment};
use super::catalog;

fn generated() -> Value {
    cedar_schema(&catalog(&[("fs.write", json!({ "type": "object" }))]))
}

fn merged(fragment: &Value) -> Value {
    let merged = merge_fragment(generated(), fragment).unwrap();
    Schema::from_json_value(merged.clone()).map_err(|error| format!("{error:?}")).unwrap();
    merged
}

/// A fragment as Cedar itself translates it from the schema language.
fn fragment(text: &str) -> Value {
    cedar_policy::SchemaFragment::from_cedarschema_str(text).unwrap().0.to_json_value().unwrap()
}

fn errors(fragment: &Value) -> Vec<String> {
    merge_fragment(generated(), fragment).unwrap_err()
}

#[test]
fn an_empty_fragment_changes_nothing() {
    assert_eq!(merged(&json!({})), generated());
    assert_eq!(merged(&json!({ "": { "entityTypes": {}, "actions": {} } })), generated());
}

#[test]
fn our_actors_may_be_declared_again_with_attributes() {
    let schema = merged(&fragment(
        "entity Team; entity User in [Team] { clearance: Long };
         entity Agent { model?: String, autonomous?: Bool }; entity Group { cost: Long };
         entity Service { env: String };",
    ));
    let types = &schema[""]["entityTypes"];
    assert_eq!(types["User"]["memberOfTypes"], json!(["Team", "Group"]));
    assert!(types["User"]["shape"]["attributes"]["clearance"].is_object());
    assert_eq!(types["Agent"]["memberOfTypes"], json!(["Group"]));
    assert!(types["Agent"]["shape"]["attributes"]["owner"].is_object());
    assert_eq!(types["Service"]["memberOfTypes"], json!(["Segment", "Group"]));
    assert_eq!(types["Group"]["memberOfTypes"], json!(["Group"]));
}

#[test]
fn an_agent_without_attributes_gets_ours() {
    let schema = merged(&fragment("entity Agent;"));
    let attributes = &schema[""]["entityTypes"]["Agent"]["shape"]["attributes"];
    assert!(attributes["owner"].is_object() && attributes["autonomous"].is_object());
}

#[test]
fn types_of_their_own_are_added() {
    let schema = merged(&fragment(
        "type Address = { city: String }; entity Office { at: Address };
         namespace Hr { entity Person; type Name = String; }",
    ));
    assert!(schema[""]["entityTypes"]["Office"].is_object());
    assert!(schema[""]["commonTypes"]["Address"].is_object());
    assert!(schema["Hr"]["entityTypes"]["Person"].is_object());
}

#[test]
fn what_comes_from_the_catalog_cannot_be_declared() {
    let cases = [
        ("entity Tool;", "`Tool`"),
        ("entity Segment;", "`Segment`"),
        ("entity PalisadeThing;", "`PalisadeThing`"),
        ("type PalisadeChain = { depth: Long };", "`PalisadeChain`"),
        ("action \"fs.write\";", "fs.write"),
        ("action approve;", "approve"),
        ("namespace Hr { action \"a.b\"; }", "Hr::Action"),
        ("type User = { name: String };", "`User`"),
        ("entity User enum [\"a\"];", "`User`"),
        ("entity Agent { autonomous?: String };", "`autonomous`"),
    ];
    for (text, mentioned) in cases {
        let errors = errors(&fragment(text));
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert!(errors[0].contains(mentioned), "{text}: {errors:?}");
    }
}

#[test]
fn an_agent_whose_attributes_are_a_common_type_is_refused() {
    let fragment = json!({ "": { "entityTypes": { "Agent": { "shape": { "type": "A" } } } } });
    assert_eq!(errors(&fragment).len(), 1);
}

#[test]
fn all_collisions_are_reported_at_once() {
    let errors = errors(&fragment("entity Tool; entity Segment; action x;"));
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[test]
fn what_is_no_fragment_is_refused() {
    let fragments = [
        json!([]),
        json!({ "": [] }),
        json!({ "": { "entityTypes": [] } }),
        json!({ "": { "entityTpyes": {} } }),
        json!({ "Hr": { "actions": [] } }),
    ];
    for fragment in fragments {
        assert_eq!(errors(&fragment).len(), 1, "{fragment}");
    }
}

#[test]
fn a_mapped_resource_may_be_declared_with_attributes() {
    let file: std::sync::Arc<str> = "catalog.yaml".into();
    let text = "format: 1\nsegments: [x]\nservices: {s: {segment: x}}\ntools:\n  s.open: {tier: 1, \
                effect: read, arguments: {properties: {id: {type: string}}, required: [id]}, \
                resource: {type: Document, argument: id}}\n";
    let catalog = crate::Catalog::parse(&file, text).unwrap().0;
    let fragment =
        fragment("entity Folder; entity Document in [Folder] { owner: User }; entity User;");
    let schema = merge_fragment(cedar_schema(&catalog), &fragment).unwrap();
    let document = &schema[""]["entityTypes"]["Document"];
    assert_eq!(document["memberOfTypes"], json!(["Folder", "Service"]));
    Schema::from_json_value(schema).unwrap();
}
