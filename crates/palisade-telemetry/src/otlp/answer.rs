//! What a receiver says when it takes a request.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::Value;

use super::{Accepted, printable};

/// One of the three answers.
pub(super) trait Answer: Message + Default {
    /// How many items were rejected, as JSON calls it.
    const REJECTED: &'static str;

    /// Reads the partial success, if it is one.
    fn read(self) -> Accepted;
}

impl Answer for ExportLogsServiceResponse {
    const REJECTED: &'static str = "rejectedLogRecords";

    fn read(self) -> Accepted {
        let partial = self.partial_success.unwrap_or_default();
        accepted(partial.rejected_log_records, &partial.error_message)
    }
}

impl Answer for ExportMetricsServiceResponse {
    const REJECTED: &'static str = "rejectedDataPoints";

    fn read(self) -> Accepted {
        let partial = self.partial_success.unwrap_or_default();
        accepted(partial.rejected_data_points, &partial.error_message)
    }
}

impl Answer for ExportTraceServiceResponse {
    const REJECTED: &'static str = "rejectedSpans";

    fn read(self) -> Accepted {
        let partial = self.partial_success.unwrap_or_default();
        accepted(partial.rejected_spans, &partial.error_message)
    }
}

/// Reads an answer in protobuf.
pub(super) fn read_protobuf<A: Answer>(body: &[u8]) -> Option<Accepted> {
    A::decode(body).ok().map(A::read)
}

/// Reads an answer in JSON, as some receivers send it whatever they were asked in. OTLP writes
/// 64-bit numbers as strings, and readers take both.
pub(super) fn read_json<A: Answer>(body: &[u8]) -> Option<Accepted> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let partial = answer.as_object()?.get("partialSuccess");
    let field = |name| partial.and_then(|partial| partial.get(name));
    let rejected = match field(A::REJECTED) {
        Some(Value::String(number)) => number.parse().unwrap_or_default(),
        Some(number) => number.as_i64().unwrap_or_default(),
        None => 0,
    };
    let message = field("errorMessage").and_then(Value::as_str).unwrap_or_default();
    Some(accepted(rejected, message))
}

fn accepted(rejected: i64, message: &str) -> Accepted {
    Accepted { rejected: u64::try_from(rejected).unwrap_or(0), message: printable(message) }
}
