//! What the policies of the bundle `shapes` say of arguments, read from the JSON itself: what
//! policies see has to be what was sent.

use palisade_core::Arguments;
use palisade_engine::PolicyResult;
use serde_json::{Map, Value, json};

/// What comes of a policy; `None`: this has no opinion of it.
pub(super) fn result(policy: &str, tool: &str, arguments: &Arguments) -> Option<PolicyResult> {
    let args = arguments.as_object();
    let holds = match (policy, tool) {
        ("all", _) => true,
        ("unknown", _) => !args.is_empty(),
        // Of what `shapes.free` takes, policies see nothing.
        ("name", "shapes.free") => false,
        ("name", _) => text(args, "name").is_some_and(|name| name.contains("secret")),
        ("overflow", _) => {
            let product = args.get("count")?.as_i64()?.checked_mul(9_007_199_254_740_991);
            let Some(product) = product else { return Some(PolicyResult::Error) };
            product < -1
        }
        ("document", _) => return None,
        (policy, _) => scalar(policy, args).or_else(|| compound(policy, args))?,
    };
    Some(if holds { PolicyResult::Satisfied } else { PolicyResult::NotSatisfied })
}

/// Whether all numbers that `shapes.every` shows as `decimal` have at most four decimals.
pub(super) fn decimals_are_exact(arguments: &Arguments) -> bool {
    let args = arguments.as_object();
    let rows = args.get("grid").and_then(Value::as_array).into_iter().flatten();
    let cells = rows.filter_map(Value::as_array).flatten();
    let scalars = ["amount", "value"].into_iter().filter_map(|name| args.get(name));
    cells.chain(scalars).filter_map(Value::as_f64).all(|number| {
        let decimals = number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        decimals <= 4 && number.abs() < 922_337_203_685_478.0
    })
}

fn text<'a>(args: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

fn number(args: &Map<String, Value>, name: &str) -> Option<f64> {
    args.get(name).and_then(Value::as_f64)
}

/// Whether one of the policies on scalars is satisfied.
fn scalar(policy: &str, args: &Map<String, Value>) -> Option<bool> {
    let is = |name: &str, value: Value| args.get(name) == Some(&value);
    Some(match policy {
        "flag" => is("flag", json!(true)),
        "count" => number(args, "count").is_some_and(|count| count > 100.0),
        "amount" => number(args, "amount").is_some_and(|amount| amount > 10.5),
        "exact" => number(args, "exact").is_some_and(|exact| {
            // Below a millionth, the canonical form has an exponent.
            let short = exact > 0.0 && exact < 1e-6;
            is("exact", json!(0.1)) || short && format!("{exact:e}").starts_with("1e")
        }),
        "pick" => text(args, "pick") == Some("red"),
        "odd-name" => {
            let maybe = args.get("maybe").is_some_and(|maybe| !maybe.is_null());
            text(args, "odd-name").is_some_and(|name| !name.is_empty()) && !maybe
        }
        "id" => is("id", json!("7")) || number(args, "id") == Some(7.0),
        _ => return None,
    })
}

/// Whether one of the policies on arrays, objects or whatever there may be is satisfied.
fn compound(policy: &str, args: &Map<String, Value>) -> Option<bool> {
    let items = |name: &str| args.get(name).and_then(Value::as_array);
    let has = |name: &str, value: Value| items(name).is_some_and(|items| items.contains(&value));
    Some(match policy {
        "tags" => has("tags", json!("a")) || has("tags", json!("\u{e9}")),
        "sizes" => {
            let many = items("sizes").is_some_and(|sizes| sizes.len() > 3);
            many && !(has("sizes", json!(1)) && has("sizes", json!(2)))
        }
        "grid" => items("grid").into_iter().flatten().filter_map(Value::as_array).any(|cells| {
            let (one, other) = (json!(1), json!(2.5));
            cells.contains(&one)
                && cells.contains(&other)
                && cells.iter().all(|cell| *cell == one || *cell == other)
        }),
        "rows" => has("rows", json!({ "x": 1, "y": 2 })),
        "point" => {
            let point = args.get("point").and_then(Value::as_object);
            point.is_some_and(|point| point.contains_key("y") && point.get("x") == point.get("y"))
        }
        "open" => {
            let open = args.get("open");
            let tags = open.and_then(|open| open.pointer("/deep/tags")).and_then(Value::as_array);
            let tame = tags.is_some_and(|tags| tags.contains(&json!("tame")));
            open.and_then(|open| open.get("mode")) == Some(&json!("wild")) && !tame
        }
        "value" => args.get("value").is_some_and(|value| {
            let kind = value.get("kind");
            [json!(true), json!(2.5), json!([])].contains(value) || kind == Some(&json!("wild"))
        }),
        "anything" => args.get("anything").is_some_and(Value::is_boolean),
        "blob" => args.get("blob") == Some(&json!({})),
        "mixed" => args.contains_key("mixed") && args.contains_key("flag"),
        _ => return None,
    })
}
