//! Metrics as text for scrapers: `OpenMetrics` 1.0, or Prometheus' older format 0.0.4.
//!
//! Names follow OpenTelemetry's compatibility rules for Prometheus: what is not allowed in a name
//! becomes `_`, the unit is appended as a word, counters end in `_total`. The scope is no label:
//! there is only one.

mod name;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, Metric, NumberDataPoint, exemplar, metric, number_data_point,
};

use name::{Family, Type};
use text::{Help, Hex, LabelValue, Nanos, Number, canonical};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With units and exemplars.
    OpenMetrics,
    /// What every scraper understands.
    Prometheus,
}

impl Format {
    /// The media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Writes metrics and, as `target_info`, the attributes of the resource they come from. Sums,
/// gauges and histograms with explicit bounds only: there are no others in a snapshot.
#[must_use]
pub fn render(format: Format, metrics: &[Metric], resource: &[KeyValue]) -> String {
    Exposition { format, metrics, resource }.to_string()
}

/// What an attribute is called as a label.
#[cfg(test)]
pub(super) fn label_name(attribute: &str) -> String {
    name::label(attribute)
}

/// What the samples of an instrument are called; those of a histogram have further suffixes.
#[cfg(test)]
pub(super) fn sample_name(instrument: &super::instruments::Instrument) -> String {
    use super::instruments::InstrumentKind;
    let kind = match instrument.kind {
        InstrumentKind::Counter => Type::Counter,
        InstrumentKind::Gauge => Type::Gauge,
        InstrumentKind::Histogram => Type::Histogram,
    };
    Family::new(instrument.name, instrument.unit, kind).sample
}

struct Exposition<'a> {
    format: Format,
    metrics: &'a [Metric],
    resource: &'a [KeyValue],
}

impl fmt::Display for Exposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target(f)?;
        for metric in self.metrics {
            self.metric(f, metric)?;
        }
        match self.format {
            Format::OpenMetrics => f.write_str("# EOF\n"),
            Format::Prometheus => Ok(()),
        }
    }
}

impl Exposition<'_> {
    fn target(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.resource.is_empty() {
            return Ok(());
        }
        let (family, kind) = match self.format {
            Format::OpenMetrics => ("target", "info"),
            Format::Prometheus => ("target_info", "gauge"),
        };
        writeln!(f, "# TYPE {family} {kind}")?;
        writeln!(f, "# HELP {family} Where these metrics come from.")?;
        writeln!(f, "target_info{} 1", Labels::of(self.resource))
    }

    fn metric(&self, f: &mut fmt::Formatter<'_>, metric: &Metric) -> fmt::Result {
        let Some(data) = &metric.data else { return Ok(()) };
        let kind = match data {
            metric::Data::Gauge(_) => Type::Gauge,
            metric::Data::Sum(sum) if sum.is_monotonic => Type::Counter,
            metric::Data::Sum(_) => Type::Gauge,
            metric::Data::Histogram(_) => Type::Histogram,
            metric::Data::ExponentialHistogram(_) | metric::Data::Summary(_) => return Ok(()),
        };
        let family = Family::new(&metric.name, &metric.unit, kind);
        self.head(f, &family, &metric.description)?;
        match data {
            metric::Data::Gauge(gauge) => numbers(f, &family, &gauge.data_points),
            metric::Data::Sum(sum) => numbers(f, &family, &sum.data_points),
            metric::Data::Histogram(histogram) => {
                let mut points = histogram.data_points.iter();
                points.try_for_each(|point| self.histogram(f, &family, point))
            }
            metric::Data::ExponentialHistogram(_) | metric::Data::Summary(_) => Ok(()),
        }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>, family: &Family, help: &str) -> fmt::Result {
        let (name, quotes) = match self.format {
            Format::OpenMetrics => (&family.name, true),
            // The older format knows no families: it is the counter that has the type.
            Format::Prometheus => (&family.sample, false),
        };
        writeln!(f, "# TYPE {name} {}", family.kind.as_str())?;
        if let (Some(unit), Format::OpenMetrics) = (&family.unit, self.format) {
            writeln!(f, "# UNIT {name} {unit}")?;
        }
        writeln!(f, "# HELP {name} {}", Help { text: help, quotes })
    }

    fn histogram(
        &self,
        f: &mut fmt::Formatter<'_>,
        family: &Family,
        point: &HistogramDataPoint,
    ) -> fmt::Result {
        let name = &family.name;
        let labels = Labels::of(&point.attributes);
        let mut below: u64 = 0;
        let mut lower = f64::NEG_INFINITY;
        let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
        for (count, bound) in point.bucket_counts.iter().zip(bounds) {
            below = below.saturating_add(*count);
            write!(f, "{name}_bucket{} {below}", labels.with("le", &canonical(bound)))?;
            let within = |exemplar: &&Exemplar| {
                exemplar_value(exemplar).is_some_and(|value| lower < value && value <= bound)
            };
            if self.format == Format::OpenMetrics
                && let Some(exemplar) = point.exemplars.iter().find(within)
            {
                write_exemplar(f, exemplar)?;
            }
            writeln!(f)?;
            lower = bound;
        }
        writeln!(f, "{name}_sum{labels} {}", Number(point.sum.unwrap_or_default()))?;
        writeln!(f, "{name}_count{labels} {}", point.count)
    }
}

fn numbers(f: &mut fmt::Formatter<'_>, family: &Family, points: &[NumberDataPoint]) -> fmt::Result {
    for point in points {
        let labels = Labels::of(&point.attributes);
        let sample = &family.sample;
        match point.value {
            Some(number_data_point::Value::AsInt(value)) => {
                writeln!(f, "{sample}{labels} {value}")?;
            }
            Some(number_data_point::Value::AsDouble(value)) => {
                writeln!(f, "{sample}{labels} {}", Number(value))?;
            }
            None => {}
        }
    }
    Ok(())
}

fn write_exemplar(f: &mut fmt::Formatter<'_>, exemplar: &Exemplar) -> fmt::Result {
    let Some(value) = exemplar_value(exemplar) else { return Ok(()) };
    let (trace, span) = (Hex(&exemplar.trace_id), Hex(&exemplar.span_id));
    let time = Nanos(exemplar.time_unix_nano);
    write!(f, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {} {time}", Number(value))
}

fn exemplar_value(exemplar: &Exemplar) -> Option<f64> {
    match exemplar.value? {
        exemplar::Value::AsDouble(value) => Some(value),
        // We export none of these.
        exemplar::Value::AsInt(_) => None,
    }
}

/// Labels by name, as they stand behind the name of a sample.
#[derive(Clone)]
struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Attributes whose names become the same label are joined, as the rules ask.
    fn of(attributes: &[KeyValue]) -> Self {
        let mut labels = BTreeMap::<String, String>::new();
        let mut attributes: Vec<&KeyValue> = attributes.iter().collect();
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        for attribute in attributes {
            let value = text::value(attribute.value.as_ref());
            labels
                .entry(name::label(&attribute.key))
                .and_modify(|values| {
                    values.push(';');
                    values.push_str(&value);
                })
                .or_insert(value);
        }
        Self(labels)
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut labels = self.clone();
        labels.0.insert(name.to_owned(), value.to_owned());
        labels
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{name}=\"{}\"", LabelValue(value))?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

#[cfg(test)]
mod tests;
