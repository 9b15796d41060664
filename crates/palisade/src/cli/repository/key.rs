//! `palisade bundle key`: a new key pair.

use std::path::PathBuf;

use palisade_bundle::repository::author::SigningKey;

use super::{Context, Exit, Failure, failed};

const EXAMPLES: &str = "\
Examples:
  palisade bundle key --out release1.pem
  openssl genpkey -algorithm ed25519 -out release1.pem      (the same, without the public file)

Writes the key pair to FILE, for its owner's eyes only, and the public key to FILE.pub. Neither is
ever overwritten.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Where to write the key pair
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let key = SigningKey::generate(&arguments.out).map_err(failed)?;
    context.output.line(format_args!("key id {}", key.public().id()))?;
    context.output.text(&key.public().to_pem())?;
    Ok(Exit::Success)
}
