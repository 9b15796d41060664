//! `bundle.yaml`: what a bundle is called and whose actors it knows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use palisade_core::{ActorKind, BundleName, IssuerName, Problem};
use palisade_engine::{
    AttributeMapping, ClaimMappings, ClaimPath, ClaimType, Issuers, KindMapping, SourceFile,
};

use crate::yaml;

/// The form of bundles this version reads.
const FORMAT: u64 = 1;

/// What `bundle.yaml` says.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) name: BundleName,
    pub(crate) version: u64,
    pub(crate) issuers: Issuers,
    pub(crate) claims: ClaimMappings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    format: Spanned<u64>,
    name: Spanned<String>,
    version: Spanned<u64>,
    minimum_engine: Option<Spanned<String>>,
    #[serde(default)]
    issuers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    claims: BTreeMap<String, Spanned<RawKind>>,
}

/// What is taken from the credentials of one kind of actor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    #[serde(default)]
    attributes: BTreeMap<String, Spanned<RawAttribute>>,
    groups: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAttribute {
    claim: String,
    #[serde(rename = "type")]
    ty: Option<String>,
}

/// Reads `bundle.yaml`. `None` if it has no usable content; then `problems` says why.
pub(crate) fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Option<Manifest> {
    let raw: RawManifest = match yaml::read(file) {
        Ok(raw) => raw,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let RawManifest { format, name, version, minimum_engine, issuers, claims } = raw;
    let mut report = Report { file, problems };

    if format.value != FORMAT {
        report
            .error("bundle.format", format!("bundle format {} is not known", format.value), &format)
            .help(format!("this version reads format {FORMAT}"));
    }
    if version.value == 0 {
        report
            .error("bundle.version", "the bundle's version is 0", &version)
            .help("versions are growing numbers that start with 1");
    }
    if let Some(minimum) = &minimum_engine {
        check_minimum_engine(minimum, &mut report);
    }
    let bundle_name = BundleName::new(name.value.as_str());
    if bundle_name.is_none() {
        report
            .error("bundle.name", format!("`{}` is no bundle name", name.value), &name)
            .help("a bundle name has 1 to 64 of the characters a-z, 0-9 and `-`");
    }
    let issuers = accept_issuers(issuers, &mut report);
    let claims = accept_claims(claims, &mut report);
    Some(Manifest { name: bundle_name?, version: version.value, issuers, claims })
}

/// Collects problems of one file.
struct Report<'a> {
    file: &'a SourceFile,
    problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    fn error<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        place: &Spanned<T>,
    ) -> &mut Self {
        let mut problem = Problem::error(code, message).in_file(&self.file.name);
        problem.span = yaml::span(self.file, place);
        self.problems.push(problem);
        self
    }

    /// Says of the last problem what to do about it.
    fn help(&mut self, help: impl Into<String>) {
        if let Some(problem) = self.problems.last_mut() {
            problem.help = Some(help.into());
        }
    }
}

fn accept_issuers(raw: BTreeMap<String, Spanned<String>>, report: &mut Report<'_>) -> Issuers {
    if raw.is_empty() {
        let problem = Problem::advice("bundle.no_issuers", "the bundle knows no issuers")
            .with_help("without `issuers` every actor is unknown and every request is denied")
            .in_file(&report.file.name);
        report.problems.push(problem);
    }
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (alias, identifier) in &raw {
        if !is_alias(alias) {
            report
                .error("issuer.alias", format!("`{alias}` is no issuer alias"), identifier)
                .help("an alias has 1 to 32 of the characters a-z, 0-9 and `-`");
        }
        let name = identifier.value.as_str();
        if let Err(error) = IssuerName::new(name) {
            let message = format!("the identifier of `{alias}` is not usable: {error}");
            report.error("issuer.identifier", message, identifier);
        }
        // A request may name an issuer either way, so no name may mean two of them.
        if raw.contains_key(name) {
            let message = format!("the identifier of `{alias}` is the alias `{name}`");
            report
                .error("issuer.ambiguous", message, identifier)
                .help("an identifier is what the issuer calls itself, usually an https URL");
        }
        if let Some(other) = owners.insert(name, alias) {
            let message = format!("`{alias}` and `{other}` have the same identifier");
            report.error("issuer.duplicate", message, identifier).help("keep one of the aliases");
        }
    }
    Issuers::new(raw.into_iter().map(|(alias, identifier)| (alias, identifier.value)).collect())
}

/// Kinds of actors as `bundle.yaml` names them.
const KINDS: [(&str, ActorKind); 3] =
    [("agent", ActorKind::Agent), ("service", ActorKind::Service), ("user", ActorKind::User)];

fn accept_claims(
    raw: BTreeMap<String, Spanned<RawKind>>,
    report: &mut Report<'_>,
) -> ClaimMappings {
    let mut accepted = ClaimMappings::default();
    for (name, kind) in raw {
        let Some((_, actor)) = KINDS.into_iter().find(|(known, _)| *known == name) else {
            report
                .error("claims.kind", format!("`{name}` is no kind of actor"), &kind)
                .help("write `user`, `agent` or `service`");
            continue;
        };
        let RawKind { attributes, groups } = kind.value;
        let mut mapping = KindMapping::default();
        if let Some(groups) = groups {
            mapping.groups = ClaimPath::new(groups.value.as_str());
            if mapping.groups.is_none() {
                report.error("claims.claim", "a claim has a name", &groups);
            }
        }
        for (attribute, raw) in attributes {
            let ty = raw.value.ty.as_deref().unwrap_or(ClaimType::String.as_str());
            let ty = ClaimType::ALL.into_iter().find(|known| known.as_str() == ty);
            if ty.is_none() {
                let known: Vec<_> = ClaimType::ALL.into_iter().map(ClaimType::as_str).collect();
                report
                    .error("claims.type", format!("the type of `{attribute}` is not known"), &raw)
                    .help(format!("write one of {}", known.join(", ")));
            }
            let claim = ClaimPath::new(raw.value.claim.as_str());
            if claim.is_none() {
                report.error("claims.claim", "a claim has a name", &raw);
            }
            if let (Some(claim), Some(ty)) = (claim, ty) {
                mapping.attributes.insert(attribute, AttributeMapping { claim, ty });
            }
        }
        accepted.0.insert(actor, mapping);
    }
    accepted
}

fn is_alias(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn check_minimum_engine(minimum: &Spanned<String>, report: &mut Report<'_>) {
    let own = env!("CARGO_PKG_VERSION");
    let Some(asked) = parse_version(&minimum.value) else {
        report
            .error("bundle.minimum_engine", format!("`{}` is no version", minimum.value), minimum)
            .help("write three numbers, e.g. `0.1.0`");
        return;
    };
    if parse_version(own).is_none_or(|own| own < asked) {
        let message = format!("the bundle needs Palisade {} or newer", minimum.value);
        report
            .error("bundle.minimum_engine", message, minimum)
            .help(format!("this is Palisade {own}"));
    }
}

/// Reads `major.minor.patch`.
fn parse_version(text: &str) -> Option<[u64; 3]> {
    let mut parts = text.split('.').map(|part| {
        let only_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        only_digits.then(|| part.parse().ok()).flatten()
    });
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests;
