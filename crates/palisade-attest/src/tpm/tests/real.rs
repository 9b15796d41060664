//! A software TPM (`swtpm`) in its own process, driven by `tpm2-tools`: what it signs today, and
//! not only what it signed when the fixtures were made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::tpm::{
    AttestationKey, QuoteExpectation, QuoteHistory, QuoteHistoryError, TpmError, TpmHash, TpmName,
    TpmQuote, TpmQuoteClaims, verify_tpm_quote,
};

/// A TPM of one's own, on two Unix sockets in a directory of one's own.
struct SoftwareTpm {
    directory: TempDir,
}

/// A key that was made in it.
struct Key {
    context: &'static str,
    scheme: &'static str,
    hash: &'static str,
    /// As the TPM computes it.
    name: TpmName,
    key: AttestationKey,
}

impl SoftwareTpm {
    /// Starts one. `None` if `TESTS_OFFLINE=1` says to do without.
    ///
    /// # Panics
    /// The tools are not there: `scripts/test` installs them.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn start() -> Option<Self> {
        if std::env::var_os("TESTS_OFFLINE").is_some_and(|value| value == "1") {
            eprintln!("skipped: TESTS_OFFLINE=1 and this needs swtpm and tpm2-tools");
            return None;
        }
        let tpm = Self { directory: TempDir::new().unwrap() };
        let path = |name| tpm.path(name).display().to_string();
        // It becomes a daemon once it listens, so there is nothing to wait for.
        tpm.run(
            "swtpm",
            &[
                "socket",
                "--tpm2",
                "--daemon",
                "--tpmstate",
                &format!("dir={}", tpm.directory.path().display()),
                "--server",
                &format!("type=unixio,path={}", path("tpm")),
                "--ctrl",
                &format!("type=unixio,path={}", path("tpm.ctrl")),
                "--flags",
                "startup-clear",
            ],
        );
        tpm.run("tpm2_createek", &["-G", "ecc", "-c", "ek.ctx"]);
        Some(tpm)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a tool in the directory; then whatever it left in the TPM is removed, for there is no
    /// resource manager.
    fn run(&self, tool: &str, arguments: &[&str]) -> String {
        let socket = self.path("tpm");
        let command = |tool: &str, arguments: &[&str]| {
            let output = Command::new(tool)
                .args(arguments)
                .current_dir(self.directory.path())
                .env("TPM2TOOLS_TCTI", format!("swtpm:path={}", socket.display()))
                .output()
                .unwrap_or_else(|error| {
                    panic!("{tool} does not run ({error}): run `scripts/test`, which installs it")
                });
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
            String::from_utf8(output.stdout).unwrap()
        };
        let text = command(tool, arguments);
        if tool.starts_with("tpm2_") {
            command("tpm2_flushcontext", &["--transient-object"]);
        }
        text
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Makes an attestation key.
    fn key(
        &self,
        context: &'static str,
        kind: &str,
        scheme: &'static str,
        hash: &'static str,
    ) -> Key {
        self.run(
            "tpm2_createak",
            &[
                "-C", "ek.ctx", "-c", context, "-G", kind, "-s", scheme, "-g", hash, "-f", "tpmt",
                "-u", "ak.pub", "-n", "ak.name",
            ],
        );
        Key {
            context,
            scheme,
            hash,
            name: TpmName::parse_hex(&hex::encode(self.read("ak.name"))).unwrap(),
            key: AttestationKey::from_public(&self.read("ak.pub")).unwrap(),
        }
    }

    fn extend(&self, pcr: u8, byte: u8) {
        let digest = hex::encode([byte; 32]);
        self.run("tpm2_pcrextend", &[&format!("{pcr}:sha256={digest}")]);
    }

    /// Reads registers 16 and 23.
    fn pcrs(&self) -> BTreeMap<u8, Vec<u8>> {
        self.run("tpm2_pcrread", &["sha256:16,23", "-o", "pcrs"]);
        let values = self.read("pcrs");
        let (one, other) = values.split_at(32);
        BTreeMap::from([(16, one.to_vec()), (23, other.to_vec())])
    }

    /// Quotes registers 16 and 23 and reads their values.
    fn quote(&self, key: &Key, nonce: &[u8]) -> TpmQuote {
        self.run(
            "tpm2_quote",
            &[
                "-c",
                key.context,
                "-l",
                "sha256:16,23",
                "-q",
                &hex::encode(nonce),
                "-m",
                "message",
                "-s",
                "signature",
                "--scheme",
                key.scheme,
                "-g",
                key.hash,
            ],
        );
        TpmQuote {
            message: self.read("message"),
            signature: self.read("signature"),
            pcr_bank: TpmHash::Sha256,
            pcrs: self.pcrs(),
            attestation_key: None,
        }
    }

    /// Pulls the plug and starts it again.
    fn reset(&self) {
        let control = self.path("tpm.ctrl");
        self.run("swtpm_ioctl", &["--unix", &control.display().to_string(), "-i"]);
        self.run("tpm2_startup", &["-c"]);
    }
}

/// A handle for keys that outlive a reset.
const PERSISTENT: &str = "0x81010002";

impl Drop for SoftwareTpm {
    fn drop(&mut self) {
        // Nothing can be done about a daemon that does not listen.
        let _stopped =
            Command::new("swtpm_ioctl").arg("--unix").arg(self.path("tpm.ctrl")).arg("-s").output();
    }
}

fn answer(quote: &TpmQuote, key: &Key, nonce: &[u8]) -> Result<TpmQuoteClaims, TpmError> {
    let pcrs = BTreeSet::from([16, 23]);
    let expectation = QuoteExpectation { extra_data: &[nonce], bank: TpmHash::Sha256, pcrs: &pcrs };
    verify_tpm_quote(quote, &key.key, &expectation)
}

#[test]
fn a_tpm_s_quote_holds_for_its_nonce_key_and_registers_and_for_no_others() {
    let Some(tpm) = SoftwareTpm::start() else { return };
    let kinds = [
        ("ecc.ctx", "ecc", "ecdsa", "sha256"),
        ("rsassa.ctx", "rsa", "rsassa", "sha256"),
        ("rsassa384.ctx", "rsa", "rsassa", "sha384"),
        ("rsapss.ctx", "rsa", "rsapss", "sha256"),
    ];
    for (context, kind, scheme, hash) in kinds {
        let key = tpm.key(context, kind, scheme, hash);
        assert_eq!(*key.key.name(), key.name, "{context}");
        tpm.extend(16, 1);
        tpm.extend(23, 2);
        let quote = tpm.quote(&key, b"a nonce of ours");
        let claims = answer(&quote, &key, b"a nonce of ours").unwrap();
        assert_eq!(claims.pcrs, quote.pcrs, "{context}");
        assert_eq!(claims.ak_name, key.name, "{context}");

        assert_eq!(answer(&quote, &key, b"another nonce"), Err(TpmError::ExtraData), "{context}");

        // Something was loaded after the reference was taken.
        tpm.extend(23, 3);
        let later = tpm.quote(&key, b"a nonce of ours");
        assert_ne!(answer(&later, &key, b"a nonce of ours").unwrap().pcrs, claims.pcrs);
        let lying = TpmQuote { pcrs: claims.pcrs, ..later };
        assert_eq!(answer(&lying, &key, b"a nonce of ours"), Err(TpmError::PcrDigest), "{context}");
    }
}

#[test]
fn a_quote_by_a_second_key_of_the_same_tpm_is_refused() {
    let Some(tpm) = SoftwareTpm::start() else { return };
    let registered = tpm.key("registered.ctx", "ecc", "ecdsa", "sha256");
    let second = tpm.key("second.ctx", "ecc", "ecdsa", "sha256");
    let mut quote = tpm.quote(&second, b"nonce");
    assert_eq!(answer(&quote, &registered, b"nonce"), Err(TpmError::Signature));
    tpm.run("tpm2_readpublic", &["-c", second.context, "-f", "tpmt", "-o", "public"]);
    quote.attestation_key = Some(tpm.read("public"));
    assert_eq!(quote.claimed_key().unwrap().unwrap().name(), &second.name);
    assert_eq!(answer(&quote, &registered, b"nonce"), Err(TpmError::KeyMismatch));
    assert!(answer(&quote, &second, b"nonce").is_ok());
}

#[test]
fn an_older_quote_is_refused_even_for_its_own_nonce() {
    let Some(tpm) = SoftwareTpm::start() else { return };
    let mut key = tpm.key("ak.ctx", "ecc", "ecdsa", "sha256");
    // A context does not survive a reset; a persistent key does.
    tpm.run("tpm2_evictcontrol", &["-C", "o", "-c", key.context, PERSISTENT]);
    key.context = PERSISTENT;
    let history = QuoteHistory::default();
    let old = answer(&tpm.quote(&key, b"nonce"), &key, b"nonce").unwrap();
    assert_eq!(history.record(&old), Ok(()));
    tpm.reset();
    let new = answer(&tpm.quote(&key, b"nonce"), &key, b"nonce").unwrap();
    assert_eq!(new.reset_count, old.reset_count + 1);
    assert_eq!(history.record(&new), Ok(()));
    assert_eq!(history.record(&old), Err(QuoteHistoryError::WentBack));
}

#[test]
fn an_endorsement_key_and_an_unrestricted_key_are_no_attestation_keys() {
    let Some(tpm) = SoftwareTpm::start() else { return };
    let public = |context| {
        tpm.run("tpm2_readpublic", &["-c", context, "-f", "tpmt", "-o", "public"]);
        AttestationKey::from_public(&tpm.read("public")).unwrap_err().code()
    };
    assert_eq!(public("ek.ctx"), "tpm_key_unfit");
    tpm.run(
        "tpm2_createprimary",
        &[
            "-C",
            "e",
            "-G",
            "ecc:ecdsa-sha256:null",
            "-c",
            "free.ctx",
            "-a",
            "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign",
        ],
    );
    assert_eq!(public("free.ctx"), "tpm_key_unfit");
}
