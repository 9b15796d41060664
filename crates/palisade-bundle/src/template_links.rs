//! `policies/links.yaml`: templates with their slots filled.

use serde::Deserialize;
use serde_saphyr::Spanned;

use palisade_core::Problem;
use palisade_engine::{SourceFile, TemplateLink};

use crate::yaml;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLinks {
    links: Vec<Spanned<RawLink>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    id: Spanned<String>,
    template: String,
    principal: Option<String>,
    resource: Option<String>,
}

/// Reads `policies/links.yaml`. Whether templates and entities exist is for the engine to say.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn read(file: &SourceFile) -> Result<Vec<TemplateLink>, Problem> {
    let RawLinks { links } = yaml::read(file)?;
    let links = links.into_iter().map(|link| {
        let RawLink { id, template, principal, resource } = link.value;
        TemplateLink {
            span: yaml::span(file, &id),
            line: usize::try_from(id.referenced.line()).unwrap_or(1),
            id: id.value,
            template,
            principal,
            resource,
            file: std::sync::Arc::clone(&file.name),
        }
    });
    Ok(links.collect())
}
