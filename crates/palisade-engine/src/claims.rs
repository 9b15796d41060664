//! From what credentials claim to what policies see of a principal.
//!
//! A bundle says which claims become attributes of an actor's entity, and which one names groups.
//! Nothing else of a credential is seen. Attributes from claims and attributes from the bundle's
//! own entities are disjoint, so neither can override the other, and a group from a claim carries
//! the alias of the issuer that claims it, so it is never mistaken for a group of the bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_core::{ActorKind, EpochMillis, Problem, Problems, Proof, VerifiedChain};
use serde_json::{Map, Value, json};

use crate::SourceFile;
use crate::key_bytes::{self, KeyBytes};
use crate::values::Values as _;

/// Bytes of one text that is taken from a claim.
// LIMIT: names, roles and addresses are shorter; every one stands in cache keys.
const TEXT_BYTES_MAX: usize = 1024;

/// Items of one claim that is a list, groups included.
// LIMIT: directories put users into some hundreds of groups; tokens that carry them stay small.
const ITEMS_MAX: usize = 256;

/// Which claims policies see, by the kind of actor they speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimMappings(pub BTreeMap<ActorKind, KindMapping>);

/// Which claims policies see of one kind of actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindMapping {
    /// Attributes of its entity.
    pub attributes: BTreeMap<String, AttributeMapping>,
    /// The claim that names its groups: `Group::"<issuer alias>:<value>"` for each.
    pub groups: Option<ClaimPath>,
}

/// The claim an attribute is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeMapping {
    /// Where it stands.
    pub claim: ClaimPath,
    /// What it has to be.
    pub ty: ClaimType,
}

/// Where a claim stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// A claim's name, or a JSON pointer (RFC 6901) if it begins with `/`. `None`: it is empty.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Option<Self> {
        let path = path.into();
        (!path.is_empty()).then_some(Self(path))
    }

    fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let Some(pointer) = self.0.strip_prefix('/') else { return claims.get(&self.0) };
        let mut steps = pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
        let first = claims.get(&steps.next()?)?;
        steps.try_fold(first, |value, step| match value {
            Value::Object(fields) => fields.get(&step),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => None,
        })
    }
}

/// What a claim has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimType {
    /// `true` or `false`.
    Bool,
    /// Seconds since the epoch (RFC 7519, section 2, `NumericDate`); policies see a `datetime`.
    Instant,
    /// An integer.
    Long,
    /// A text.
    String,
    /// A text or a list of texts; policies see a `Set<String>`.
    Strings,
}

impl ClaimType {
    /// All types.
    pub const ALL: [Self; 5] = [Self::Bool, Self::Instant, Self::Long, Self::String, Self::Strings];

    /// Its name in `bundle.yaml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Instant => "datetime",
            Self::Long => "long",
            Self::String => "string",
            Self::Strings => "strings",
        }
    }

    fn read(self, value: &Value) -> Result<ClaimValue, &'static str> {
        match (self, value) {
            (Self::Bool, Value::Bool(value)) => Ok(ClaimValue::Bool(*value)),
            (Self::Instant, Value::Number(seconds)) => {
                let seconds = seconds.as_i64().ok_or("a whole number of seconds")?;
                seconds
                    .checked_mul(1000)
                    .map(|millis| ClaimValue::Instant(EpochMillis::new(millis)))
                    .ok_or("a whole number of seconds")
            }
            (Self::Long, Value::Number(number)) => {
                number.as_i64().map(ClaimValue::Long).ok_or("an integer")
            }
            (Self::String, Value::String(text)) => Ok(ClaimValue::String(bounded(text)?)),
            (Self::Strings, value) => Ok(ClaimValue::Strings(texts(value)?)),
            (Self::Bool, _) => Err("true or false"),
            (Self::Instant, _) => Err("a whole number of seconds"),
            (Self::Long, _) => Err("an integer"),
            (Self::String, _) => Err("a text"),
        }
    }

    /// Whether a type of the schema, as JSON, is this one.
    fn is_schema_type(self, ty: &Value) -> bool {
        let name = |ty: &Value| {
            let kind = ty.get("type").and_then(Value::as_str).unwrap_or_default();
            let name = match kind {
                "Extension" | "EntityOrCommon" => ty.get("name").and_then(Value::as_str),
                _ => Some(kind),
            };
            name.unwrap_or_default().trim_start_matches("__cedar::").to_owned()
        };
        match self {
            Self::Bool => matches!(name(ty).as_str(), "Bool" | "Boolean"),
            Self::Instant => name(ty) == "datetime",
            Self::Long => name(ty) == "Long",
            Self::String => name(ty) == "String",
            Self::Strings => {
                name(ty) == "Set" && ty.get("element").is_some_and(|e| name(e) == "String")
            }
        }
    }
}

/// A claim, as far as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimValue {
    Bool(bool),
    Instant(EpochMillis),
    Long(i64),
    String(String),
    /// Sorted, each once.
    Strings(BTreeSet<String>),
}

impl ClaimValue {
    /// As Cedar reads attributes of entities.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Bool(value) => json!(value),
            Self::Instant(instant) => {
                json!({ "__extn": { "fn": "datetime", "arg": instant.to_string() } })
            }
            Self::Long(value) => json!(value),
            Self::String(text) => json!(text),
            Self::Strings(texts) => json!(texts),
        }
    }

    fn key_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bool(value) => KeyBytes::bool(*value),
            Self::Instant(instant) => KeyBytes::datetime(*instant).unwrap_or_default(),
            Self::Long(value) => KeyBytes::long(*value),
            Self::String(text) => KeyBytes::string(text),
            Self::Strings(texts) => {
                KeyBytes::set(texts.iter().map(|text| KeyBytes::string(text)).collect())
            }
        }
    }
}

/// A mapped claim is not what the bundle says it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimMisfit {
    /// Of which link, from 0.
    pub(crate) link: usize,
    pub(crate) claim: String,
    pub(crate) wanted: &'static str,
}

/// What policies see of the credentials of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// One for each link; none at all if nothing is known of any.
    pub(crate) links: Vec<LinkCredentials>,
    /// The same as it stands in cache keys.
    pub(crate) key: Vec<u8>,
}

/// What policies see of one link's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkCredentials {
    pub(crate) proof: Proof,
    pub(crate) attributes: BTreeMap<String, ClaimValue>,
    /// As the claim names them.
    pub(crate) groups: BTreeSet<String>,
    /// This link as it stands in cache keys.
    pub(crate) key: Vec<u8>,
}

impl ClaimMappings {
    /// What policies see of a chain.
    pub(crate) fn credentials(
        &self,
        identity: Option<&VerifiedChain>,
    ) -> Result<Credentials, ClaimMisfit> {
        let Some(identity) = identity else { return Ok(Credentials::default()) };
        let mut credentials = Credentials::default();
        for (place, link) in identity.links.iter().enumerate() {
            let link = self.link(place, link.actor.kind, link.proof, &link.claims)?;
            credentials.key.extend(&link.key);
            credentials.links.push(link);
        }
        Ok(credentials)
    }

    fn link(
        &self,
        link: usize,
        kind: ActorKind,
        proof: Proof,
        claims: &Map<String, Value>,
    ) -> Result<LinkCredentials, ClaimMisfit> {
        let mut attributes = BTreeMap::new();
        let mut groups = BTreeSet::new();
        if let Some(mapping) = self.0.get(&kind).filter(|_| !claims.is_empty()) {
            let misfit =
                |claim: &ClaimPath, wanted| ClaimMisfit { link, claim: claim.0.clone(), wanted };
            for (name, AttributeMapping { claim, ty }) in &mapping.attributes {
                // What is `null` says as much as what is not there.
                let Some(value) = claim.find(claims).filter(|value| !value.is_null()) else {
                    continue;
                };
                // FAIL-CLOSED: an attribute that is left out could be what a forbid looks for.
                let value = ty.read(value).map_err(|wanted| misfit(claim, wanted))?;
                attributes.insert(name.clone(), value);
            }
            if let Some(claim) = &mapping.groups
                && let Some(value) = claim.find(claims).filter(|value| !value.is_null())
            {
                groups = texts(value).map_err(|wanted| misfit(claim, wanted))?;
            }
        }
        let mut key = vec![match proof {
            Proof::Asserted => 0,
            Proof::Bearer => 1,
            Proof::KeyBound => 2,
        }];
        key_bytes::write_length(attributes.len(), &mut key);
        for (name, value) in &attributes {
            key_bytes::write_text(name, &mut key);
            key.extend(value.key_bytes());
        }
        key.extend(KeyBytes::set(groups.iter().map(|group| KeyBytes::string(group)).collect()));
        Ok(LinkCredentials { proof, attributes, groups, key })
    }

    /// Whether claims about this kind of actor are seen at all.
    pub(crate) fn sees(&self, kind: ActorKind) -> bool {
        self.0.get(&kind).is_some_and(|KindMapping { attributes, groups }| {
            !attributes.is_empty() || groups.is_some()
        })
    }

    /// Refuses mappings that the schema does not have, and attributes that the bundle's own
    /// entities set.
    pub(crate) fn check(&self, schema: &str, entities: &[SourceFile], problems: &mut Problems) {
        if self.0.is_empty() {
            return;
        }
        let manifest: Arc<str> = "bundle.yaml".into();
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        for (kind, mapping) in &self.0 {
            let entity_type = kind.entity_type();
            let shape = format!("//entityTypes/{entity_type}/shape/attributes");
            let attributes = schema.pointer(&shape);
            for (name, AttributeMapping { claim: _, ty }) in &mapping.attributes {
                let declared = attributes.and_then(|attributes| attributes.get(name));
                if let Some(problem) = misfit(entity_type, name, *ty, declared) {
                    problems.0.push(problem.in_file(&manifest));
                }
                let overlap = entities.iter().find(|file| sets(file, entity_type, name));
                if let Some(file) = overlap {
                    let message =
                        format!("`{entity_type}.{name}` is set here, but it is taken from a claim");
                    let problem = Problem::error("claims.overlap", message).in_file(&file.name);
                    problems.0.push(problem.with_help(
                        "an attribute comes from the bundle or from credentials, never from both",
                    ));
                }
            }
        }
    }
}

fn misfit(
    entity_type: &str,
    name: &str,
    ty: ClaimType,
    declared: Option<&Value>,
) -> Option<Problem> {
    let help = || {
        let written = match ty {
            ClaimType::Bool => "Bool",
            ClaimType::Instant => "datetime",
            ClaimType::Long => "Long",
            ClaimType::String => "String",
            ClaimType::Strings => "Set<String>",
        };
        format!(
            "declare it in `schema/*.cedarschema`: `entity {entity_type} {{ {name}?: {written} }}`"
        )
    };
    let Some(declared) = declared else {
        let message = format!("the schema has no attribute `{name}` of `{entity_type}`");
        return Some(Problem::error("claims.undeclared", message).with_help(help()));
    };
    if !ty.is_schema_type(declared) {
        let message = format!(
            "the schema has another type for `{entity_type}.{name}` than `{}`",
            ty.as_str()
        );
        return Some(Problem::error("claims.type", message).with_help(help()));
    }
    if declared.get("required") != Some(&Value::Bool(false)) {
        let message = format!(
            "`{entity_type}.{name}` is required, but a credential may lack the claim it is taken \
             from"
        );
        return Some(Problem::error("claims.required", message).with_help(help()));
    }
    None
}

/// Whether an entity of a file has this attribute.
fn sets(file: &SourceFile, entity_type: &str, attribute: &str) -> bool {
    let entities: Vec<Value> = serde_json::from_str(&file.text).unwrap_or_default();
    entities.iter().any(|entity| {
        let uid = entity.get("uid").map(|uid| uid.get("__entity").unwrap_or(uid));
        let is_of_type = uid.and_then(|uid| uid.get("type")).and_then(Value::as_str);
        is_of_type == Some(entity_type)
            && entity.get("attrs").is_some_and(|attributes| attributes.get(attribute).is_some())
    })
}

fn bounded(text: &str) -> Result<String, &'static str> {
    if text.len() > TEXT_BYTES_MAX { Err("a text of at most 1024 bytes") } else { Ok(text.into()) }
}

/// A text or a list of texts.
fn texts(value: &Value) -> Result<BTreeSet<String>, &'static str> {
    let wanted = "a text or a list of at most 256 texts";
    match value {
        Value::String(text) => Ok(BTreeSet::from([bounded(text)?])),
        Value::Array(items) if items.len() <= ITEMS_MAX => {
            items.iter().map(|item| bounded(item.as_str().ok_or(wanted)?)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(wanted)
        }
    }
}

#[cfg(test)]
mod tests;
