//! Maps a JSON Schema to the Cedar types of a tool's arguments.
//!
//! The mapping is total: every schema has a result, and what is lost is listed. It looks at types
//! and structure only; whether a value is valid is the validator's business. Its promise: a value
//! that the schema accepts fits the mapped type, or it is one of the cases that the losses name,
//! and the call is then refused, never shown to policies in part.
//!
//! `docs/argument-mapping.md` has the whole table.

mod object;
mod reference;
mod shape;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::argument_type::{ArgumentType, RecordType};
use crate::arguments::Loss;

use self::reference::has_inner_base;
pub(crate) use self::reference::resolve;
use self::shape::Shape;

/// Nesting of types that policies can see; the arguments themselves are level 1.
// LIMIT: deeper than any hand-written tool schema; Cedar's schema nests about three JSON levels
// for each, and readers of JSON stop at 128.
const DEPTH_MAX: usize = 16;

/// References and combinators around one place, `DEPTH_MAX` included.
// LIMIT: bounds the recursion of the mapping.
const NESTING_MAX: usize = 128;

/// Schemas visited for one tool.
// LIMIT: references can make a small schema expand exponentially; the largest real tool schema
// seen has about 400 places.
const NODES_MAX: usize = 4_000;

/// What a schema becomes.
#[derive(Debug)]
pub(crate) struct Mapped {
    /// The type of `context.args`.
    pub(crate) record: RecordType,
    /// What is lost, sorted by pointer.
    pub(crate) losses: Vec<Loss>,
}

/// Maps the schema of a tool's arguments. Arguments are always an object, so a schema without a
/// type is read as that of an object.
pub(crate) fn map_arguments(schema: &Value) -> Mapped {
    let mut mapper = Mapper {
        root: schema,
        resolves_references: !has_inner_base(schema),
        losses: BTreeSet::new(),
        nodes_left: NODES_MAX,
        references: Vec::new(),
        nesting: 0,
    };
    let record = match mapper.map(schema, "", 1).object {
        Some(ArgumentType::Record(record)) => record,
        _ => {
            mapper.lose("", "the arguments have no known properties: policies see none of them");
            RecordType { open: true, ..RecordType::default() }
        }
    };
    Mapped { record, losses: mapper.losses.into_iter().collect() }
}

struct Mapper<'a> {
    root: &'a Value,
    resolves_references: bool,
    losses: BTreeSet<Loss>,
    nodes_left: usize,
    /// The references being followed, to notice recursion.
    references: Vec<&'a str>,
    nesting: usize,
}

impl<'a> Mapper<'a> {
    fn lose(&mut self, pointer: &str, sentence: &str) {
        self.losses.insert(Loss { pointer: pointer.to_owned(), sentence: sentence.to_owned() });
    }

    /// Anything at all, and why nothing is known of it.
    fn opaque(&mut self, pointer: &str, why: &str) -> Shape {
        self.lose(pointer, &format!("{why}: policies see only a kind and a digest"));
        Shape::anything()
    }

    /// The shape of the values that a schema accepts; never smaller than what it accepts.
    fn map(&mut self, schema: &'a Value, pointer: &str, depth: usize) -> Shape {
        let schema = match schema {
            Value::Object(schema) if !schema.is_empty() => schema,
            Value::Bool(false) => return Shape::default(),
            _ => return self.opaque(pointer, "any value is accepted"),
        };
        if depth > DEPTH_MAX {
            return self.opaque(pointer, "nested too deep");
        }
        let Some(left) = self.nodes_left.checked_sub(1) else {
            return self.opaque(pointer, "the schema is too large");
        };
        self.nodes_left = left;
        if self.nesting >= NESTING_MAX {
            return self.opaque(pointer, "too many references and alternatives within one another");
        }
        self.nesting += 1;
        let shape = self.map_object_schema(schema, pointer, depth);
        self.nesting -= 1;
        shape
    }

    fn map_object_schema(
        &mut self,
        schema: &'a Map<String, Value>,
        pointer: &str,
        depth: usize,
    ) -> Shape {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.map_reference(schema, reference, pointer, depth);
        }
        if schema.contains_key("$dynamicRef") || schema.contains_key("$recursiveRef") {
            return self.opaque(pointer, "a dynamic reference");
        }
        if let Some(Value::Array(all)) = schema.get("allOf") {
            return self.map_all_of(schema, all, pointer, depth);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = schema.get(keyword) {
                return self.map_alternatives(schema, keyword, alternatives, pointer, depth);
            }
        }
        self.map_typed(schema, pointer, depth)
    }

    fn map_reference(
        &mut self,
        schema: &'a Map<String, Value>,
        reference: &'a str,
        pointer: &str,
        depth: usize,
    ) -> Shape {
        if self.references.contains(&reference) {
            return self.opaque(pointer, "a recursive reference");
        }
        let target = resolve(self.root, reference).filter(|_| self.resolves_references);
        let Some((place, target)) = target else {
            return self.opaque(pointer, "a reference that is not a pointer into the schema");
        };
        if has_structure(schema) || has_alternatives(schema) {
            self.lose(pointer, "what stands beside a reference restricts calls but not types");
        }
        self.references.push(reference);
        let shape = self.map(target, &place, depth);
        self.references.pop();
        shape
    }

    /// `allOf` with one member and nothing beside it is that member; generators write it to hang
    /// a description on a reference. Beside a type of the schema's own it only restricts calls.
    /// Any other conjunction has no Cedar type.
    fn map_all_of(
        &mut self,
        schema: &'a Map<String, Value>,
        all: &'a [Value],
        pointer: &str,
        depth: usize,
    ) -> Shape {
        let place = format!("{pointer}/allOf");
        if has_structure(schema) {
            self.lose(&place, "a conjunction restricts calls but not types");
            return self.map_typed(schema, pointer, depth);
        }
        match all {
            [only] if !has_alternatives(schema) => self.map(only, &format!("{place}/0"), depth),
            _ => self.opaque(&place, "a conjunction without a type of its own"),
        }
    }

    /// A union of the alternatives. Where the schema itself has a type and the alternatives only
    /// restrict it (`anyOf: [{required: [a]}, {required: [b]}]`), the schema's own type holds.
    fn map_alternatives(
        &mut self,
        schema: &'a Map<String, Value>,
        keyword: &str,
        alternatives: &'a [Value],
        pointer: &str,
        depth: usize,
    ) -> Shape {
        let names_properties = |schema: &Value| schema.get("properties").is_some();
        let is_bare_object = schema.get("type").and_then(Value::as_str) == Some("object")
            && !schema.contains_key("properties");
        let describe_objects = is_bare_object && alternatives.iter().any(names_properties);
        if has_structure(schema) && !describe_objects {
            if alternatives.iter().any(names_properties) {
                self.lose(
                    &format!("{pointer}/{keyword}"),
                    "properties named only in an alternative are not visible",
                );
            }
            return self.map_typed(schema, pointer, depth);
        }
        let mut union = Shape::default();
        for (index, alternative) in alternatives.iter().enumerate() {
            let place = format!("{pointer}/{keyword}/{index}");
            let shape = self.map(alternative, &place, depth);
            self.unite(&mut union, shape, pointer);
        }
        union
    }

    /// The shape by `type`, or by what else tells the type.
    fn map_typed(&mut self, schema: &'a Map<String, Value>, pointer: &str, depth: usize) -> Shape {
        let mut shape = self.kinds(schema, pointer, depth);
        if shape.any {
            return self.opaque(pointer, "no type is given");
        }
        if shape.set.is_some() {
            shape.set = Some(self.map_array(schema, pointer, depth));
        }
        if shape.object.is_some() {
            shape.object = Some(self.map_object(schema, pointer, depth));
        }
        if shape.scalars.decimal {
            if schema.get("x-policy-type").and_then(Value::as_str) == Some("string") {
                shape.number_text = true;
            } else {
                self.lose(
                    pointer,
                    "a number with more than four decimals, or beyond about ±9.2e14, is refused",
                );
            }
        }
        shape
    }

    /// Which JSON types a schema accepts by itself, arrays and objects still opaque.
    fn kinds(&mut self, schema: &Map<String, Value>, pointer: &str, depth: usize) -> Shape {
        let declared = match schema.get("type") {
            Some(Value::String(name)) => Some(Shape::of_type_names([name.as_str()])),
            Some(Value::Array(names)) => {
                Some(Shape::of_type_names(names.iter().filter_map(Value::as_str)))
            }
            _ => None,
        };
        let listed = match (schema.get("const"), schema.get("enum")) {
            (Some(value), _) => Some(Shape::of_values([value])),
            (None, Some(Value::Array(values))) => Some(Shape::of_values(values)),
            _ => None,
        };
        match (declared, listed) {
            (Some(declared), Some(listed)) => declared.narrowed_to(&listed),
            (Some(declared), None) => declared,
            (None, Some(listed)) => listed,
            (None, None) => self.implied(schema, pointer, depth),
        }
    }

    /// Without `type`, keywords of one JSON type leave little doubt which one is meant.
    fn implied(&mut self, schema: &Map<String, Value>, pointer: &str, depth: usize) -> Shape {
        // Arguments are an object whatever their schema says.
        if depth == 1 {
            return Shape::of_type_names(["object"]);
        }
        let has = |keywords: &[&str]| keywords.iter().any(|name| schema.contains_key(*name));
        let name = if has(&["properties", "required"]) {
            "object"
        } else if has(&["items", "prefixItems"]) {
            "array"
        } else {
            return Shape::anything();
        };
        self.lose(pointer, &format!("no type is given: what is no {name} is refused"));
        Shape::of_type_names([name])
    }

    fn map_array(
        &mut self,
        schema: &'a Map<String, Value>,
        pointer: &str,
        depth: usize,
    ) -> ArgumentType {
        let tuple = schema.contains_key("prefixItems") || schema.contains_key("additionalItems");
        let items = match schema.get("items") {
            Some(items @ Value::Object(_)) if !tuple => items,
            _ => {
                self.opaque(pointer, "an array whose items are not all of one given type");
                return ArgumentType::Opaque;
            }
        };
        let shape = self.map(items, &format!("{pointer}/items"), depth + 1);
        if shape.null {
            self.opaque(pointer, "an array whose items may be null");
            return ArgumentType::Opaque;
        }
        match self.settle(shape, pointer) {
            ArgumentType::Union(_) => {
                self.opaque(pointer, "an array whose items are of several types");
                ArgumentType::Opaque
            }
            item => {
                self.lose(pointer, "order and repetition of the items are lost");
                ArgumentType::Set(Box::new(item))
            }
        }
    }
}

/// Whether a schema says something about types beside its references and alternatives.
fn has_structure(schema: &Map<String, Value>) -> bool {
    const STRUCTURE: [&str; 6] = ["type", "properties", "items", "prefixItems", "enum", "const"];
    STRUCTURE.iter().any(|keyword| schema.contains_key(*keyword))
}

/// Whether a schema has alternatives.
fn has_alternatives(schema: &Map<String, Value>) -> bool {
    schema.contains_key("anyOf") || schema.contains_key("oneOf")
}

#[cfg(test)]
mod tests;
