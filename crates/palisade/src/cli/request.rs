//! A request from flags or from a file.
//!
//! What is wrong with a request's content is left for the server to say: that is what the command
//! is there to show. Only what cannot be sent at all is refused here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use palisade_core::limits::MESSAGE_BYTES_MAX;
use palisade_core::{Actor, ActorKind, Arguments};
use palisade_proto::v1;
use serde::Deserialize;
use serde_json::Value;

use super::failure::{Failure, chain};

pub(super) const EXAMPLES: &str = "\
The request's file is JSON (or `-` for standard input):
  {\"chain\": [\"user:corp:alice\", \"agent:corp:helpdesk-bot\"],
   \"tool\": \"crm.read_ticket\", \"arguments\": {\"ticket_id\": \"T-1\"}}
Optional: request_id, tool_digest, resource {type, id}, session_id, transaction_id,
environment {source_address, pep_request_id}, options {minimum_version, dry_run, grant}.
A link may be {\"token\": \"...\"} as well, for servers that verify credentials.
`arguments` is an object, or a string with JSON text that is sent as it is.";

#[derive(Debug, clap::Args)]
pub(super) struct RequestArguments {
    /// Who asks, head first; repeat it, or separate actors by commas
    #[arg(long, value_name = "KIND:ISSUER:SUBJECT", value_delimiter = ',', value_parser = actor)]
    chain: Vec<Actor>,
    /// The tool, `<service>.<name>`
    #[arg(long, required_unless_present = "request")]
    tool: Option<String>,
    /// The tool's arguments as JSON text, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    args: String,
    /// Digest of the tool definition that the caller sees
    #[arg(long, value_name = "SHA256")]
    tool_digest: Option<String>,
    /// Network address the call came from
    #[arg(long, value_name = "IP")]
    source_address: Option<String>,
    /// Decide, but have nothing enforced or created
    #[arg(long)]
    dry_run: bool,
    /// Read the whole request from a JSON file, or `-` for standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["chain", "tool", "args", "tool_digest", "source_address", "dry_run"]
    )]
    request: Option<String>,
}

impl RequestArguments {
    /// The request to send.
    pub(super) fn into_request(self) -> Result<v1::AuthorizeRequest, Failure> {
        if let Some(file) = &self.request {
            return read_document(&read(file)?);
        }
        let Self { chain, tool, args, tool_digest, source_address, dry_run, request: _ } = self;
        let arguments = match args.strip_prefix('@') {
            Some(file) => read(file)?,
            None if args == "-" => read("-")?,
            None => args.into_bytes(),
        };
        Ok(v1::AuthorizeRequest {
            chain: chain.iter().map(asserted).collect(),
            tool: tool.unwrap_or_default(),
            tool_digest: tool_digest.unwrap_or_default(),
            arguments,
            environment: source_address.map(|source_address| v1::Environment {
                source_address,
                ..v1::Environment::default()
            }),
            options: Some(v1::Options { dry_run, ..v1::Options::default() }),
            ..v1::AuthorizeRequest::default()
        })
    }
}

/// A link that is taken on our word.
pub(crate) fn asserted(actor: &Actor) -> v1::Link {
    let kind = match actor.kind {
        ActorKind::Agent => v1::ActorKind::Agent,
        ActorKind::Service => v1::ActorKind::Service,
        ActorKind::User => v1::ActorKind::User,
    };
    let asserted = v1::AssertedActor {
        kind: kind.into(),
        issuer: actor.issuer.as_str().to_owned(),
        subject: actor.subject.as_str().to_owned(),
        attributes: None,
    };
    v1::Link { link: Some(v1::link::Link::Asserted(asserted)), possession: None }
}

/// `kind:issuer:subject`, with the whole reason if it is not.
pub(super) fn actor(text: &str) -> Result<Actor, String> {
    text.parse().map_err(|error| chain(&error))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    chain: Vec<LinkDocument>,
    tool: String,
    #[serde(default)]
    tool_digest: String,
    arguments: Option<Value>,
    resource: Option<ResourceDocument>,
    #[serde(default)]
    session_id: String,
    #[serde(default)]
    transaction_id: String,
    environment: Option<EnvironmentDocument>,
    #[serde(default)]
    options: OptionsDocument,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum LinkDocument {
    Text(String),
    Token { token: String },
    Actor { kind: String, issuer: String, subject: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceDocument {
    r#type: String,
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentDocument {
    #[serde(default)]
    source_address: String,
    #[serde(default)]
    pep_request_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OptionsDocument {
    minimum_version: u64,
    dry_run: bool,
    grant: bool,
}

fn read_document(text: &[u8]) -> Result<v1::AuthorizeRequest, Failure> {
    let refuse = |why: String| Failure::Usage(format!("the request cannot be read: {why}"));
    // As strict as with a tool's arguments, which are a part of it: no duplicate keys, no number
    // that would be another one when it is sent.
    let strict = Arguments::parse(text).map_err(|error| refuse(error.to_string()))?;
    let document: Document = serde_json::from_value(strict.as_value().clone())
        .map_err(|error| refuse(error.to_string()))?;
    let Document { request_id, chain: links, tool, tool_digest, arguments, .. } = document;
    let chain: Result<Vec<_>, String> = links.into_iter().map(link).collect();
    let OptionsDocument { minimum_version, dry_run, grant } = document.options;
    Ok(v1::AuthorizeRequest {
        request_id,
        chain: chain.map_err(refuse)?,
        tool,
        tool_digest,
        arguments: match arguments {
            None => Vec::new(),
            Some(Value::String(text)) => text.into_bytes(),
            Some(value) => value.to_string().into_bytes(),
        },
        resource: document.resource.map(|resource| {
            let ResourceDocument { r#type, id } = resource;
            v1::Resource { r#type, id }
        }),
        session_id: document.session_id,
        transaction_id: document.transaction_id,
        presented: None,
        evidence: Vec::new(),
        environment: document.environment.map(|environment| {
            let EnvironmentDocument { source_address, pep_request_id } = environment;
            v1::Environment { source_address, pep_request_id }
        }),
        options: Some(v1::Options { grant, minimum_version, dry_run }),
    })
}

fn link(document: LinkDocument) -> Result<v1::Link, String> {
    match document {
        LinkDocument::Text(text) => Ok(asserted(&actor(&text)?)),
        LinkDocument::Token { token } => {
            Ok(v1::Link { link: Some(v1::link::Link::Token(token)), possession: None })
        }
        LinkDocument::Actor { kind, issuer, subject } => {
            Ok(asserted(&actor(&format!("{kind}:{issuer}:{subject}"))?))
        }
    }
}

/// Reads a file, or standard input for `-`, up to one byte more than any message may have: the
/// server is to say that it is too large.
fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    let read = if file == "-" {
        io::stdin().lock().take(limit).read_to_end(&mut text)
    } else {
        File::open(Path::new(file)).and_then(|file| file.take(limit).read_to_end(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Usage(format!("cannot read `{file}`: {error}"))),
    }
}

#[cfg(test)]
mod tests;
