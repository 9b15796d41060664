//! What Cedar can see of a tool's arguments.
//!
//! JSON Schema says more than Cedar's types can. Every schema maps to some [`ArgumentType`]; what
//! is lost on the way is named, never silent. `docs/argument-mapping.md` documents the mapping.

use std::collections::BTreeMap;

/// The Cedar type of one argument, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentType {
    /// `Bool`.
    Bool,
    /// `decimal`: a JSON number with at most four decimals, exact or refused.
    Decimal,
    /// `Long`: a JSON number of integral value.
    Long,
    /// `String`: the text of a JSON number in canonical form (RFC 8785, section 3.2.2.3). For
    /// numbers that a `decimal` cannot hold, chosen in the schema with `x-policy-type: string`.
    NumberText,
    /// `{ kind: String, digest: String }`: policies see the JSON type and a digest, not the
    /// content. For what has no Cedar type: free-form objects, mixed arrays, recursion.
    Opaque,
    /// A record.
    Record(RecordType),
    /// `Set<T>`: order, duplicates and length are lost; lengths stand in `context.argsInfo`.
    Set(Box<Self>),
    /// `String`.
    String,
    /// A record with one optional field for each JSON type the value may have.
    Union(UnionType),
}

/// A record type: what a JSON object with known properties becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordType {
    /// The known properties.
    pub fields: BTreeMap<String, Field>,
    /// Whether other properties are accepted; policies only see that there are some, in
    /// `context.argsInfo.unknown`.
    pub open: bool,
}

impl RecordType {
    /// The arrays whose lengths stand in `context.argsInfo.counts`: those reachable through
    /// records alone, in the order of their names. What lies within a set or a union has no name
    /// of its own.
    #[must_use]
    pub fn counted_arrays(&self) -> Vec<CountedArray> {
        let mut found = Vec::new();
        self.collect_arrays(&mut Vec::new(), &mut found);
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn collect_arrays(&self, path: &mut Vec<String>, found: &mut Vec<CountedArray>) {
        for (name, field) in &self.fields {
            path.push(name.clone());
            match &field.ty {
                ArgumentType::Set(_) => found.push(CountedArray::at(path)),
                ArgumentType::Record(record) => record.collect_arrays(path, found),
                ArgumentType::Bool
                | ArgumentType::Decimal
                | ArgumentType::Long
                | ArgumentType::NumberText
                | ArgumentType::Opaque
                | ArgumentType::String
                | ArgumentType::Union(_) => {}
            }
            path.pop();
        }
    }
}

/// An array argument whose length policies can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedArray {
    /// Its attribute in `context.argsInfo.counts`: the property names joined by dots. A dot or
    /// backslash within a name has a backslash before it, so that no two arrays share a name.
    pub name: String,
    /// The property names that lead to it.
    pub path: Vec<String>,
}

impl CountedArray {
    fn at(path: &[String]) -> Self {
        let names: Vec<String> =
            path.iter().map(|name| name.replace('\\', "\\\\").replace('.', "\\.")).collect();
        Self { name: names.join("."), path: path.to_vec() }
    }
}

/// One property of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its type.
    pub ty: ArgumentType,
    /// Whether the attribute is always there. A nullable property is never required: JSON `null`
    /// becomes an absent attribute.
    pub required: bool,
}

/// A value of several possible JSON types, e.g. `["string", "integer"]`, as the Cedar record
/// `{ string?, long?, decimal?, bool?, set?, object? }` of which exactly one field is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnionType {
    /// Which scalars it may be.
    pub scalars: ScalarTypes,
    /// The type of its `set` field, if it may be an array: a [`ArgumentType::Set`], or
    /// [`ArgumentType::Opaque`].
    pub set: Option<Box<ArgumentType>>,
    /// The type of its `object` field, if it may be an object: a [`ArgumentType::Record`], or
    /// [`ArgumentType::Opaque`].
    pub object: Option<Box<ArgumentType>>,
}

/// The scalar alternatives of a [`UnionType`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each JSON scalar type")]
pub struct ScalarTypes {
    /// May be a boolean: field `bool`.
    pub bool: bool,
    /// May be a number that is no integer: field `decimal`, which then also takes integers.
    pub decimal: bool,
    /// May be an integer: field `long`.
    pub long: bool,
    /// May be a string: field `string`.
    pub string: bool,
}
