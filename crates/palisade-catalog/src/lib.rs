//! The tool catalog: which tools exist, how dangerous they are and what their arguments look like.
//!
//! From it the Cedar schema is generated. Knows nothing of policies, requests or Cedar's engine.

mod accept;
mod argument_type;
mod arguments;
mod catalog;
mod cedar_schema;
mod mapping;
mod mcp;
mod raw;
mod reference;
mod tool;
pub mod yaml;

pub use argument_type::{ArgumentType, CountedArray, Field, RecordType, ScalarTypes, UnionType};
pub use arguments::{ArgumentSchema, Loss, SCHEMA_VIOLATIONS_MAX, SchemaError, SchemaViolation};
pub use catalog::{CATALOG_TOOLS_MAX, Catalog, Service};
pub use cedar_schema::{cedar_schema, merge_fragment};
pub use mcp::{
    Change, ImportError, LeftOut, McpTool, Proposal, ProposedTool, WriteCatalogError, diff,
    parse_tools_list, propose,
};
pub use reference::{
    CodeReference, REFERENCE_MEASUREMENTS_MAX, REFERENCE_VALUE_BYTES_MAX, REFERENCE_VALUES_MAX,
    REFERENCES_MAX, ReferenceValue, ReferenceValues,
};
pub use tool::{ResourceMapping, ResourceNormalization, Tool};
