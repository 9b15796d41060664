//! The set of values a schema accepts, as far as Cedar types can tell them apart.

use serde_json::Value;

use super::Mapper;
use super::object::merge;
use crate::argument_type::{ArgumentType, ScalarTypes, UnionType};

/// Which JSON types a value may have, and the types of its parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// Anything at all; then `null` is set, too, and nothing else matters.
    pub(super) any: bool,
    /// May be `null`.
    pub(super) null: bool,
    /// The scalars it may be. `decimal` covers `long`.
    pub(super) scalars: ScalarTypes,
    /// A number is wanted as text; needs `scalars.decimal`.
    pub(super) number_text: bool,
    /// The type of it as an array.
    pub(super) set: Option<ArgumentType>,
    /// The type of it as an object.
    pub(super) object: Option<ArgumentType>,
}

impl Shape {
    pub(super) fn anything() -> Self {
        Self { any: true, null: true, ..Self::default() }
    }

    /// The values of these JSON Schema types. Unknown names do not compile, so they add nothing.
    pub(super) fn of_type_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut shape = Self::default();
        for name in names {
            match name {
                "array" => shape.set = Some(ArgumentType::Opaque),
                "boolean" => shape.scalars.bool = true,
                "integer" => shape.scalars.long = true,
                "null" => shape.null = true,
                "number" => shape.scalars.decimal = true,
                "object" => shape.object = Some(ArgumentType::Opaque),
                "string" => shape.scalars.string = true,
                _ => {}
            }
        }
        shape
    }

    /// The JSON types of these values.
    pub(super) fn of_values<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        Self::of_type_names(values.into_iter().map(|value| match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }))
    }

    /// The declared types that some listed value has. A declared `number` stays one where only
    /// integers are listed.
    pub(super) fn narrowed_to(self, listed: &Self) -> Self {
        let numbers = listed.scalars.long || listed.scalars.decimal;
        Self {
            any: self.any,
            null: self.null && listed.null,
            scalars: ScalarTypes {
                bool: self.scalars.bool && listed.scalars.bool,
                decimal: self.scalars.decimal && numbers,
                long: self.scalars.long && numbers,
                string: self.scalars.string && listed.scalars.string,
            },
            number_text: self.number_text,
            set: self.set.filter(|_| listed.set.is_some()),
            object: self.object.filter(|_| listed.object.is_some()),
        }
    }
}

impl Mapper<'_> {
    /// Adds the values of one more alternative.
    pub(super) fn unite(&mut self, union: &mut Shape, other: Shape, pointer: &str) {
        let Shape { any, null, scalars, number_text, set, object } = other;
        union.any |= any;
        union.null |= null;
        union.number_text |= number_text;
        union.scalars.bool |= scalars.bool;
        union.scalars.decimal |= scalars.decimal;
        union.scalars.long |= scalars.long;
        union.scalars.string |= scalars.string;
        union.set = match (union.set.take(), set) {
            (Some(one), Some(two)) if one != two => {
                self.opaque(pointer, "arrays of different types");
                Some(ArgumentType::Opaque)
            }
            (one, two) => one.or(two),
        };
        union.object = match (union.object.take(), object) {
            (Some(one), Some(two)) => Some(self.merge_objects(one, two, pointer)),
            (one, two) => one.or(two),
        };
    }

    fn merge_objects(
        &mut self,
        one: ArgumentType,
        two: ArgumentType,
        pointer: &str,
    ) -> ArgumentType {
        if one == two {
            return one;
        }
        let merged = match (one, two) {
            (ArgumentType::Record(one), ArgumentType::Record(two)) => merge(one, two),
            _ => None,
        };
        let Some(merged) = merged else {
            self.opaque(pointer, "objects whose properties disagree in type");
            return ArgumentType::Opaque;
        };
        self.lose(
            pointer,
            "objects of several kinds are one record: which properties go together is lost",
        );
        if merged.open {
            self.lose(
                pointer,
                "a property that one alternative types and another leaves open is refused with \
                 another type",
            );
        }
        ArgumentType::Record(merged)
    }

    /// The Cedar type of a shape; its `null` is the caller's to handle.
    pub(super) fn settle(&mut self, shape: Shape, pointer: &str) -> ArgumentType {
        let Shape { any, null: _, mut scalars, number_text, set, object } = shape;
        if any {
            return ArgumentType::Opaque;
        }
        // A decimal field also takes integers; two number fields would split one value's type.
        scalars.long &= !scalars.decimal;
        let ScalarTypes { bool, decimal, long, string } = scalars;
        let alternatives = [bool, decimal, long, string, set.is_some(), object.is_some()];
        match alternatives.into_iter().filter(|is_possible| *is_possible).count() {
            0 => {
                self.lose(pointer, "no value but null is accepted");
                ArgumentType::Opaque
            }
            1 => set.or(object).unwrap_or(match (bool, long, string) {
                (true, _, _) => ArgumentType::Bool,
                (_, true, _) => ArgumentType::Long,
                (_, _, true) => ArgumentType::String,
                _ if number_text => ArgumentType::NumberText,
                _ => ArgumentType::Decimal,
            }),
            _ => {
                if number_text {
                    self.lose(pointer, "`x-policy-type` has no effect on one of several types");
                }
                ArgumentType::Union(UnionType {
                    scalars,
                    set: set.map(Box::new),
                    object: object.map(Box::new),
                })
            }
        }
    }
}
