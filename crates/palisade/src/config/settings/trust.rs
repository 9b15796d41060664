//! The settings about whom the server trusts.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Fallback, Meta, Setting};
use crate::config::value;

pub(crate) static TRUST_FILE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "trust.file",
        accepts: "YAML file",
        default: Fallback::Unset(
            "development: nobody proves anything, and only this machine may ask",
        ),
        doc: "Who may call, and whose word counts on actors and their environments: callers, \
              issuers, trust domains, transmitters, verifiers (`docs/trust.md`).",
    },
    parse: value::path,
};

pub(crate) static TRUST_STATE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "trust.state",
        accepts: "file",
        default: Fallback::StateFile("revocations.redb"),
        doc: "With `trust.file`: where revocations are kept across restarts; made if it does not \
              exist. One server each.",
    },
    parse: value::path,
};

pub(crate) static EVENTS_ADDRESS: Setting<SocketAddr> = Setting {
    meta: Meta {
        key: "events.address",
        accepts: "`address:port`; beyond loopback with TLS",
        default: Fallback::Unset("events are not received"),
        doc: "Where transmitters of `trust.file` push security events (CAEP over RFC 8935), at \
              `/events` over HTTP.",
    },
    parse: value::socket_address,
};

pub(crate) static EVENTS_TLS_CERTIFICATE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "events.tls_certificate",
        accepts: "PEM file",
        default: Fallback::Unset("no TLS"),
        doc: "Certificate of the address for events, with its chain.",
    },
    parse: value::path,
};

pub(crate) static EVENTS_TLS_KEY: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "events.tls_key",
        accepts: "PEM file",
        default: Fallback::Unset("no TLS"),
        doc: "Key of the certificate.",
    },
    parse: value::path,
};
