//! `palisade log key`, and which key signatures are checked with.

use std::path::PathBuf;

use anyhow::anyhow;
use palisade_log::{CheckpointKey, VerifierKey};

use super::read_text;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;

/// Bytes of a key file.
// LIMIT: a name of some hundred bytes and 100 bytes of key.
const KEY_FILE_BYTES_MAX: u64 = 1024;

const EXAMPLES: &str = "\
Examples:
  palisade log key > log.pub
  palisade --config palisade.yaml log key

It is the public part of the key in `log.checkpoint_key_file`, `<name>+<id>+<key>` as signed notes
have it. Keep it where whoever can write the log cannot. The private part is never shown.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {}

pub(super) fn run(context: &mut Context<'_>) -> Result<Exit, Failure> {
    let path = context.config(Vec::new())?.server.record.log.checkpoint_key;
    let text = read_text(&path, KEY_FILE_BYTES_MAX).map_err(|failure| match failure {
        Failure::Other(error) => Failure::Other(anyhow!(
            "{error:#}\n  help: `palisade serve` makes the key; its file is the setting \
             `log.checkpoint_key_file`"
        )),
        other => other,
    })?;
    // What was read is left out of the message: it may be most of a key.
    let key = CheckpointKey::parse(text.trim_end()).ok_or_else(|| {
        let path = path.display();
        Failure::Other(anyhow!("`{path}` holds no checkpoint key; one begins with `PRIVATE+KEY+`"))
    })?;
    context.output.line(key.verifier_key())?;
    Ok(Exit::Success)
}

/// A public key, and where it comes from.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) key: VerifierKey,
    /// The key as text.
    pub(super) text: String,
    /// The file, if it is the configured one and not one that was named.
    pub(super) configured: Option<PathBuf>,
}

/// The key that was named: the text itself, or a file that holds it.
pub(super) fn named(text: &str) -> Result<Trusted, Failure> {
    if let Some(trusted) = parse(text, None) {
        return Ok(trusted);
    }
    if text.starts_with("PRIVATE+KEY+") {
        // Not repeated: it is on the screen already, but need not be in a log.
        let message = "`--key` takes the public key; a private one belongs in no command line";
        return Err(Failure::Usage(message.to_owned()));
    }
    let content = read_text(text.as_ref(), KEY_FILE_BYTES_MAX).map_err(|failure| match failure {
        Failure::Other(error) => Failure::Usage(format!(
            "`{text}` is neither a public key (`<name>+<id>+<key>`) nor a file with one: {error:#}"
        )),
        other => other,
    })?;
    parse(content.trim(), None).ok_or_else(|| {
        Failure::Usage(format!("`{text}` holds no public key; `palisade log key` prints one"))
    })
}

/// The public part of the configured key, if this process may read it. No key is made.
pub(super) fn configured(context: &Context<'_>) -> Result<Option<Trusted>, Failure> {
    let path = context.config(Vec::new())?.server.record.log.checkpoint_key;
    match read_text(&path, KEY_FILE_BYTES_MAX) {
        Ok(text) => Ok(parse(text.trim_end(), Some(path))),
        Err(_) => Ok(None),
    }
}

fn parse(text: &str, configured: Option<PathBuf>) -> Option<Trusted> {
    let text = match CheckpointKey::parse(text).filter(|_| configured.is_some()) {
        Some(private) => private.verifier_key().to_owned(),
        None => text.to_owned(),
    };
    VerifierKey::parse(&text).map(|key| Trusted { key, text, configured })
}
