//! Checks one tool of a catalog.

use std::collections::BTreeSet;
use std::time::Duration;

use palisade_core::{Effect, Problem, Sha256Digest, Tier, ToolName, ToolNameError, parse_duration};
use serde_json::{Value, json};
use serde_saphyr::Spanned;

use super::{Checker, did_you_mean};
use crate::arguments::ArgumentSchema;
use crate::raw::RawTool;
use crate::tool::Tool;

impl Checker<'_> {
    /// The tool, or `None` after an error without which nothing can be made of it.
    pub(super) fn accept_tool(&mut self, key: &Spanned<String>, raw: RawTool) -> Option<Tool> {
        let RawTool {
            upstream_name,
            description,
            definition,
            tier,
            effect,
            reversible,
            egress,
            arguments,
            critical,
            cosmetic,
            output_labels,
            trusted_fields,
            redact_arguments,
            redact_result,
            compensation,
            resource,
            deadline,
            valid_for,
            review,
        } = raw;
        if let Some(review) = &review {
            self.review(key, review);
        }
        let name = self.tool_name(key);
        let tier = self.tier_and_effect(&tier, &effect);
        let arguments = self.arguments(key, arguments.as_ref());
        let definition_digest = definition.and_then(|text| self.definition(&text));
        let output_labels = self.labels(output_labels);
        let trusted_fields = self.pointers(trusted_fields);
        let redact_arguments = self.pointers(redact_arguments).into();
        let redact_result = self.pointers(redact_result);
        let compensation = compensation.and_then(|tool| self.compensation(key, &tool));
        let deadline = deadline.and_then(|text| self.duration(&text));
        let valid_for = valid_for.and_then(|text| self.valid_for(&text, tier.map(|it| it.0)));
        let upstream_name = upstream_name.and_then(|text| self.upstream_name(text));
        let (name, (tier, effect), arguments) = (name?, tier?, arguments?);
        let critical = self.argument_names("critical", critical, &arguments);
        let cosmetic = self.cosmetic(cosmetic, &critical, &arguments);
        let resource = resource.and_then(|resource| self.resource(resource, &arguments));
        let segment = self.services.get(name.service())?.segment.clone();
        Some(Tool {
            upstream_name: upstream_name.unwrap_or_else(|| name.name().to_owned()),
            name,
            description,
            definition_digest,
            tier,
            effect,
            segment,
            reversible: reversible.unwrap_or(tier != Tier::HighImpact),
            egress,
            arguments,
            critical,
            cosmetic,
            output_labels,
            trusted_fields,
            redact_arguments,
            redact_result,
            compensation,
            resource,
            deadline,
            valid_for: valid_for.unwrap_or(Duration::ZERO),
            review: review.map(|review| review.value),
        })
    }

    fn review(&mut self, key: &Spanned<String>, review: &Spanned<String>) {
        let message = format!("`{}` has not been reviewed: {}", key.value, review.value.trim());
        self.note(Problem::advice("catalog.review", message), review)
            .help("check tier, effect and arguments, then remove `review:`");
    }

    fn tool_name(&mut self, key: &Spanned<String>) -> Option<ToolName> {
        let name = match ToolName::new(key.value.as_str()) {
            Ok(name) => name,
            Err(error) => {
                let why = match &error {
                    ToolNameError::Name(source) => source.to_string(),
                    other => other.to_string(),
                };
                let shown = key.value.escape_debug();
                let message = format!("`{shown}` cannot name a tool: {why}");
                let help = match error {
                    ToolNameError::NoService => format!(
                        "write `<service>.{shown}`; names without a dot are reserved for action \
                         groups such as `read` and `tier3`"
                    ),
                    _ => "a tool is named `<service>.<name>`, e.g. `crm.read_ticket`".to_owned(),
                };
                self.error("catalog.tool_name", message, key).help(help);
                return None;
            }
        };
        if !self.services.contains_key(name.service()) {
            let help = did_you_mean(name.service(), self.services.keys(), "under `services:`");
            let message = format!("unknown service `{}`", name.service());
            self.error("catalog.unknown_service", message, key).help(help);
        }
        Some(name)
    }

    fn upstream_name(&mut self, name: Spanned<String>) -> Option<String> {
        if name.value.is_empty() || name.value.chars().any(char::is_control) {
            self.error(
                "catalog.name",
                "the upstream name is empty or has control characters",
                &name,
            )
            .help("write the tool's name as its server lists it");
            return None;
        }
        Some(name.value)
    }

    fn tier_and_effect(
        &mut self,
        tier: &Spanned<u64>,
        effect: &Spanned<String>,
    ) -> Option<(Tier, Effect)> {
        let accepted_tier = u8::try_from(tier.value).ok().and_then(Tier::from_number);
        if accepted_tier.is_none() {
            self.error("catalog.tier", format!("unknown tier {}", tier.value), tier)
                .help("1 is read-only, 2 is low-impact write, 3 is high impact");
        }
        let accepted_effect = Effect::ALL.into_iter().find(|one| one.as_str() == effect.value);
        if accepted_effect.is_none() {
            self.error("catalog.effect", format!("unknown effect `{}`", effect.value), effect)
                .help("an effect is `read`, `write` or `admin`");
        }
        let (accepted_tier, accepted_effect) = (accepted_tier?, accepted_effect?);
        if accepted_tier == Tier::ReadOnly && accepted_effect != Effect::Read {
            let message = format!("a tier-1 tool cannot have the effect `{accepted_effect}`");
            self.error("catalog.tier_effect", message, effect)
                .help("tier 1 is read-only: use tier 2 or 3, or the effect `read`");
        }
        Some((accepted_tier, accepted_effect))
    }

    fn arguments(
        &mut self,
        key: &Spanned<String>,
        schema: Option<&Spanned<Value>>,
    ) -> Option<ArgumentSchema> {
        let none = json!({ "type": "object", "additionalProperties": false });
        let compiled = ArgumentSchema::compile(schema.map_or(&none, |schema| &schema.value));
        compiled
            .map_err(|error| {
                let message =
                    format!("the arguments of `{}` have no usable schema: {error}", key.value);
                let help = "patterns without look-around and references within the schema are \
                            supported";
                match schema {
                    Some(schema) => self.error("catalog.schema", message, schema).help(help),
                    None => self.error("catalog.schema", message, key).help(help),
                }
            })
            .ok()
    }

    fn definition(&mut self, text: &Spanned<String>) -> Option<Sha256Digest> {
        let digest = text.value.strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
        if digest.is_none() {
            self.error("catalog.digest", "this is no definition digest", text)
                .help("write `sha256:` and 64 lower-case hexadecimal digits, as `palisade import mcp` does");
        }
        digest
    }

    fn labels(&mut self, labels: Vec<Spanned<String>>) -> BTreeSet<String> {
        for label in &labels {
            self.check_name("label", label);
        }
        self.distinct(labels)
    }

    fn distinct(&mut self, names: Vec<Spanned<String>>) -> BTreeSet<String> {
        let mut distinct = BTreeSet::new();
        for name in names {
            if distinct.contains(&name.value) {
                let message = format!("`{}` stands twice in one list", name.value);
                self.error("catalog.duplicate", message, &name).help("remove one of the two");
            }
            distinct.insert(name.value);
        }
        distinct
    }

    fn argument_names(
        &mut self,
        list: &str,
        names: Vec<Spanned<String>>,
        arguments: &ArgumentSchema,
    ) -> BTreeSet<String> {
        let known = &arguments.record().fields;
        for name in &names {
            if !known.contains_key(&name.value) {
                let help =
                    did_you_mean(&name.value, known.keys(), "under `arguments: properties:`");
                let message = format!("unknown {list} argument `{}`", name.value);
                self.error("catalog.unknown_argument", message, name).help(help);
            }
        }
        self.distinct(names)
    }

    fn cosmetic(
        &mut self,
        names: Vec<Spanned<String>>,
        critical: &BTreeSet<String>,
        arguments: &ArgumentSchema,
    ) -> BTreeSet<String> {
        for name in &names {
            if critical.contains(&name.value) {
                let message = format!("`{}` is both critical and cosmetic", name.value);
                self.error("catalog.critical_and_cosmetic", message, name)
                    .help("approvals are not bound to cosmetic arguments; remove it here");
            }
        }
        self.argument_names("cosmetic", names, arguments)
    }

    fn pointers(&mut self, pointers: Vec<Spanned<String>>) -> Vec<String> {
        for pointer in &pointers {
            if !is_json_pointer(&pointer.value) {
                let message = format!("`{}` is no JSON pointer", pointer.value.escape_debug());
                self.error("catalog.pointer", message, pointer).help(
                    "a pointer starts with `/`; `~` is written `~0` and `/` within a name `~1`",
                );
            }
        }
        self.distinct(pointers).into_iter().collect()
    }

    fn compensation(&mut self, key: &Spanned<String>, tool: &Spanned<String>) -> Option<ToolName> {
        if tool.value == key.value {
            self.error("catalog.compensation", "a tool cannot undo itself", tool)
                .help("name the tool that undoes this one");
            return None;
        }
        if !self.tool_names.contains(&tool.value) {
            let help = did_you_mean(&tool.value, self.tool_names.iter(), "under `tools:`");
            let message = format!("unknown tool `{}`", tool.value);
            self.error("catalog.unknown_tool", message, tool).help(help);
        }
        // A name that is listed but not acceptable has its own problem where it is listed.
        ToolName::new(tool.value.as_str()).ok()
    }

    fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let duration = parse_duration(&text.value).filter(|duration| !duration.is_zero());
        if duration.is_none() {
            let message = format!("`{}` is no duration", text.value.escape_debug());
            self.error("catalog.duration", message, text)
                .help("write a whole number above 0 and a unit: `250ms`, `30s`, `15m`, `1h`, `2d`");
        }
        duration
    }

    fn valid_for(&mut self, text: &Spanned<String>, tier: Option<Tier>) -> Option<Duration> {
        if tier.is_some_and(|tier| tier != Tier::ReadOnly) {
            self.error(
                "catalog.valid_for",
                "only an answer on a tier-1 tool may be used again",
                text,
            )
            .help("remove `valid_for:`");
        }
        self.duration(text)
    }
}

/// Whether a text is a JSON pointer (RFC 6901, section 3).
fn is_json_pointer(text: &str) -> bool {
    let escapes_are_whole =
        text.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'));
    (text.is_empty() || text.starts_with('/')) && escapes_are_whole
}
