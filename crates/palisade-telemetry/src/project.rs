//! What a record of the decision log is as an OTLP log record.
//!
//! The log on disk is what is true; this is a view of it. Nothing is hidden here: records were
//! redacted before they were written. Names come from [`crate::attributes`].

mod events;
mod ocsf;
mod values;

use std::fmt::Write as _;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use palisade_core::EpochMillis;
use palisade_proto::v1::record::Entry;
use palisade_proto::v1::{Record, TraceContext};

use self::values::{Attributes, text_value};
use crate::attributes::{
    EVENT_REFUSED, EVENT_UNDECODABLE, LOG_INDEX, LOG_LEAF_HASH, REFUSED_INDEX, REFUSED_LEAF_HASH,
    SCHEMA_URL, SCOPE, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION,
};

pub use self::ocsf::VERSION as OCSF_VERSION;

/// What the body of a log record holds. The attributes are the same for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A sentence for people.
    #[default]
    Native,
    /// For decisions an OCSF API Activity (class 6003) as a string of JSON: what reads OCSF reads
    /// JSON, and a string reaches it unchanged. For everything else a sentence.
    Ocsf,
}

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The version of the software.
    pub version: String,
    /// Tells this process from others; a UUID is good.
    pub id: String,
}

/// Turns records into log records.
#[derive(Clone, Debug)]
pub struct Projection {
    format: Format,
    instance: Instance,
}

/// What is said of one record.
struct Event {
    name: &'static str,
    severity: SeverityNumber,
    sentence: String,
    attributes: Attributes,
    trace: Option<TraceContext>,
}

impl Projection {
    /// A projection into `format` for logs of `instance`.
    #[must_use]
    pub const fn new(format: Format, instance: Instance) -> Self {
        Self { format, instance }
    }

    /// The request that exports log records.
    #[must_use]
    pub fn request(&self, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
        let schema_url = SCHEMA_URL.to_owned();
        let scope_logs = ScopeLogs {
            scope: Some(scope(&self.instance)),
            log_records,
            schema_url: schema_url.clone(),
        };
        let resource = Some(resource(&self.instance));
        let scope_logs = vec![scope_logs];
        let resource_logs = vec![ResourceLogs { resource, scope_logs, schema_url }];
        ExportLogsServiceRequest { resource_logs }
    }

    /// The log record of the log's record at `index`, whose encoding is `bytes`, read at
    /// `observed`. What cannot be decoded, or says it stands elsewhere, is said to be there by its
    /// index and hash alone.
    #[must_use]
    pub fn record(&self, index: u64, bytes: &[u8], observed: EpochMillis) -> LogRecord {
        let record = Record::decode(bytes).ok().filter(|record| record.index == index);
        let Some((time, entry)) =
            record.and_then(|record| Some((EpochMillis::new(record.time_unix_ms), record.entry?)))
        else {
            return undecodable(index, bytes, observed);
        };
        let ocsf = match (&entry, self.format) {
            (Entry::Decision(decision), Format::Ocsf) => {
                let message = events::decision_sentence(decision);
                Some(ocsf::api_activity(index, time, decision, &message, &self.instance))
            }
            (_, Format::Native | Format::Ocsf) => None,
        };
        let mut event = events::event(entry);
        event.attributes.int(LOG_INDEX, index);
        event.attributes.text(LOG_LEAF_HASH, &leaf_hash(bytes));
        let mut record = log_record(event, time, observed);
        if let Some(ocsf) = ocsf {
            record.body = Some(text_value(ocsf.to_string()));
        }
        record
    }

    /// Names a record that the receiver has refused. Its index has a name of its own, so that nobody
    /// takes this for the record.
    #[must_use]
    pub fn refused(&self, index: u64, bytes: &[u8], observed: EpochMillis) -> LogRecord {
        let mut attributes = Attributes::default();
        attributes.int(REFUSED_INDEX, index);
        attributes.text(REFUSED_LEAF_HASH, &leaf_hash(bytes));
        let sentence = format!("The collector has refused record {index}");
        let event = Event {
            name: EVENT_REFUSED,
            severity: SeverityNumber::Error,
            sentence,
            attributes,
            trace: None,
        };
        log_record(event, observed, observed)
    }
}

/// The resource of all our signals.
#[must_use]
pub fn resource(instance: &Instance) -> Resource {
    let mut attributes = Attributes::default();
    attributes.text(SERVICE_NAME, SCOPE);
    attributes.text(SERVICE_VERSION, &instance.version);
    attributes.text(SERVICE_INSTANCE_ID, &instance.id);
    Resource { attributes: attributes.into_inner(), ..Resource::default() }
}

/// The instrumentation scope of all our signals.
#[must_use]
pub fn scope(instance: &Instance) -> InstrumentationScope {
    InstrumentationScope {
        name: SCOPE.to_owned(),
        version: instance.version.clone(),
        ..InstrumentationScope::default()
    }
}

/// The event of a record that this version cannot read: written by a later one, or damaged.
fn undecodable(index: u64, bytes: &[u8], observed: EpochMillis) -> LogRecord {
    let mut attributes = Attributes::default();
    attributes.int(LOG_INDEX, index);
    attributes.text(LOG_LEAF_HASH, &leaf_hash(bytes));
    let event = Event {
        name: EVENT_UNDECODABLE,
        severity: SeverityNumber::Error,
        sentence: format!("Record {index} cannot be decoded by this version"),
        attributes,
        trace: None,
    };
    log_record(event, observed, observed)
}

fn log_record(event: Event, time: EpochMillis, observed: EpochMillis) -> LogRecord {
    /// `SAMPLED` of the W3C trace flags, which are the low bits of the flags.
    const SAMPLED: u32 = 1;

    let Event { name, severity, sentence, attributes, trace } = event;
    let mut record = LogRecord {
        time_unix_nano: nanos(time),
        observed_time_unix_nano: nanos(observed),
        severity_number: severity.into(),
        severity_text: severity_text(severity).to_owned(),
        body: Some(text_value(one_line(&sentence))),
        attributes: attributes.into_inner(),
        event_name: name.to_owned(),
        ..LogRecord::default()
    };
    // Ids of any other length would make the whole request invalid.
    if let Some(TraceContext { trace_id, span_id, sampled }) = trace
        && trace_id.len() == 16
    {
        record.trace_id = trace_id;
        record.span_id = if span_id.len() == 8 { span_id } else { Vec::new() };
        record.flags = if sampled { SAMPLED } else { 0 };
    }
    record
}

const fn severity_text(severity: SeverityNumber) -> &'static str {
    match severity {
        SeverityNumber::Error => "ERROR",
        SeverityNumber::Warn => "WARN",
        _ => "INFO",
    }
}

/// What stands for the record in the log's Merkle tree (RFC 6962, section 2.1), in hexadecimal.
fn leaf_hash(bytes: &[u8]) -> String {
    hex(&Sha256::new().chain_update([0]).chain_update(bytes).finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "a string takes everything");
        text
    })
}

fn nanos(time: EpochMillis) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(0).saturating_mul(1_000_000)
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests;
