//! Whom the server trusts, as configured.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use palisade_http::TlsFiles;

use super::raw::Reader;
use super::settings;
use super::value::Listen;

/// Whom the server trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSettings {
    /// The file that says so.
    pub file: PathBuf,
    /// Where revocations are kept.
    pub state: PathBuf,
    /// Where security events are received.
    pub events: Option<EventSettings>,
}

/// Where security events are received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSettings {
    /// The address.
    pub address: SocketAddr,
    /// Its certificate and key.
    pub tls: Option<TlsFiles>,
}

/// How often the files for TLS are looked at.
const TLS_RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Whom the server trusts; `None`: nobody is configured, or there was a problem.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<TrustSettings> {
    let file = reader.read_optional(&settings::TRUST_FILE);
    let state = reader.read(&settings::TRUST_STATE);
    let address = reader.read_optional(&settings::EVENTS_ADDRESS);
    let certificate = reader.read_optional(&settings::EVENTS_TLS_CERTIFICATE);
    let key = reader.read_optional(&settings::EVENTS_TLS_KEY);
    let pair = [&settings::EVENTS_TLS_CERTIFICATE, &settings::EVENTS_TLS_KEY];
    if !reader.is_set(&settings::TRUST_FILE) {
        let message = "it means something only with `trust.file`";
        reader.refuse_if_set(&settings::EVENTS_ADDRESS, message);
    }
    // FAIL-CLOSED: half of it would be no TLS where some is meant.
    let complete = pair.into_iter().all(|setting| reader.is_set(setting));
    for setting in pair {
        if !complete {
            let message = "TLS takes both `events.tls_certificate` and `events.tls_key`";
            reader.refuse_if_set(setting, message);
        } else if !reader.is_set(&settings::EVENTS_ADDRESS) {
            reader.refuse_if_set(setting, "it means something only with `events.address`");
        }
    }
    let tls = certificate.zip(key).map(|(certificate, key)| TlsFiles {
        certificate,
        key,
        client_ca: None,
        reload_interval: TLS_RELOAD_INTERVAL,
    });
    let events = address.map(|address| EventSettings { address, tls });
    Some(TrustSettings { file: file?, state: state?, events })
}

/// Refuses an address that strangers reach and nobody has to prove anything at, or prove it in the
/// open.
// FAIL-CLOSED: whoever reaches such an address could claim to be anybody.
pub(super) fn check_listen(reader: &mut Reader<'_>, listen: Option<&Listen>, has_tls: bool) {
    let Some(Listen::Tcp(address)) = listen else { return };
    if address.ip().is_loopback() {
        return;
    }
    let why = if !reader.is_set(&settings::TRUST_FILE) {
        "without `trust.file` callers prove nothing, so only processes of this machine may ask"
    } else if !has_tls {
        "without `listen.tls_certificate` and `listen.tls_key` callers would show their \
         credentials in the open"
    } else {
        return;
    };
    let message = format!("{} is no loopback address; {why}", address.ip());
    reader.refuse(&settings::LISTEN_ADDRESS, &message);
}
