//! A software TPM (`swtpm`) in its own process, driven by `tpm2-tools`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use palisade_proto::v1;
use serde_json::json;
use tempfile::TempDir;

use super::signer::base64url;

/// Media type of quotes.
const QUOTE: &str = "application/vnd.palisade.tpm2-quote+json";

/// A TPM of one's own, on two Unix sockets in a directory of one's own, with one attestation key.
#[derive(Debug)]
pub struct SoftwareTpm {
    directory: TempDir,
}

impl SoftwareTpm {
    /// Starts one. `None` if `TESTS_OFFLINE=1` says to do without.
    ///
    /// # Panics
    /// The tools are not there: `scripts/test` installs them.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn start() -> Option<Self> {
        if std::env::var_os("TESTS_OFFLINE").is_some_and(|value| value == "1") {
            eprintln!("skipped: TESTS_OFFLINE=1 and this needs swtpm and tpm2-tools");
            return None;
        }
        let tpm = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        let state = format!("dir={}", tpm.directory.path().display());
        let server = format!("type=unixio,path={}", tpm.path("tpm").display());
        let control = format!("type=unixio,path={}", tpm.path("tpm.ctrl").display());
        // It becomes a daemon once it listens, so there is nothing to wait for.
        let options = ["socket", "--tpm2", "--daemon", "--flags", "startup-clear"];
        let places = ["--tpmstate", &state, "--server", &server, "--ctrl", &control];
        tpm.run("swtpm", &[&options[..], &places].concat());
        tpm.run("tpm2_createek", &["-G", "ecc", "-c", "ek.ctx"]);
        let key = ["-C", "ek.ctx", "-c", "ak.ctx", "-G", "ecc", "-s", "ecdsa", "-g", "sha256"];
        let files = ["-f", "tpmt", "-u", "ak.pub", "-n", "ak.name"];
        tpm.run("tpm2_createak", &[&key[..], &files].concat());
        Some(tpm)
    }

    /// The public area of its attestation key (`TPMT_PUBLIC`).
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        self.read("ak.pub")
    }

    /// Extends register 16 or 23: something was loaded.
    pub fn extend(&self, register: u8, byte: u8) {
        self.run("tpm2_pcrextend", &[&format!("{register}:sha256={}", hex(&[byte; 32]))]);
    }

    /// The values of registers 16 and 23.
    #[must_use]
    pub fn registers(&self) -> BTreeMap<u8, String> {
        self.run("tpm2_pcrread", &["sha256:16,23", "-o", "pcrs"]);
        let values = self.read("pcrs");
        let (one, other) = values.split_at(32);
        BTreeMap::from([(16, hex(one)), (23, hex(other))])
    }

    /// A quote over registers 16 and 23, as evidence.
    #[must_use]
    pub fn quote(&self, nonce: &[u8]) -> v1::Evidence {
        let key = ["-c", "ak.ctx", "-l", "sha256:16,23", "--scheme", "ecdsa", "-g", "sha256"];
        let nonce = hex(nonce);
        let files = ["-q", &nonce, "-m", "message", "-s", "signature"];
        self.run("tpm2_quote", &[&key[..], &files].concat());
        let body = json!({
            "message": base64url(&self.read("message")),
            "signature": base64url(&self.read("signature")),
            "pcrs": { "sha256": self.registers() },
        });
        v1::Evidence { media_type: QUOTE.to_owned(), body: body.to_string().into_bytes() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the tool has written it")
    }

    /// Runs a tool in the directory; then whatever it left in the TPM is removed, for there is no
    /// resource manager.
    fn run(&self, tool: &str, arguments: &[&str]) {
        let interface = format!("swtpm:path={}", self.path("tpm").display());
        let command = |tool: &str, arguments: &[&str]| {
            let mut command = Command::new(tool);
            command.args(arguments).current_dir(self.directory.path());
            let output = command.env("TPM2TOOLS_TCTI", &interface).output().unwrap_or_else(|e| {
                panic!("{tool} does not run ({e}): run `scripts/test`, which installs it")
            });
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
        };
        command(tool, arguments);
        if tool.starts_with("tpm2_") {
            command("tpm2_flushcontext", &["--transient-object"]);
        }
    }
}

impl Drop for SoftwareTpm {
    fn drop(&mut self) {
        // Nothing can be done about a daemon that does not listen.
        let _stopped =
            Command::new("swtpm_ioctl").arg("--unix").arg(self.path("tpm.ctrl")).arg("-s").output();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes everything");
        digits
    })
}
