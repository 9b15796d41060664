//! Every metric there is: name, kind, unit and what it counts. Dashboards and alert rules are
//! tested against this table.

/// What a metric measures. All of them stand in this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instrument {
    /// The OpenTelemetry name, e.g. `palisade.decision.duration`.
    pub name: &'static str,
    /// How its values add up.
    pub kind: InstrumentKind,
    /// The unit in UCUM, e.g. `s`; what is merely counted stands in braces; empty: none.
    pub unit: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
}

/// How the values of a metric add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstrumentKind {
    /// A sum that only grows.
    Counter,
    /// A level.
    Gauge,
    /// A distribution.
    Histogram,
}

/// Declares the instruments, so that none can be missing from [`ALL`].
macro_rules! instruments {
    ($($constant:ident = $kind:ident $name:literal $unit:literal $description:literal;)+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description)]
            pub const $constant: Instrument = Instrument {
                name: $name,
                kind: InstrumentKind::$kind,
                unit: $unit,
                description: $description,
            };
        )+

        /// All of them, sorted by name.
        pub const ALL: &[Instrument] = &[$($constant,)+];
    };
}

instruments! {
    BUNDLE_AGE = Gauge "palisade.bundle.age" "s"
        "Time since the bundle in force was put in force.";
    BUNDLE_FAILING = Gauge "palisade.bundle.failing" ""
        "1 if the last look for a new revision failed, or the revision that it found was refused; otherwise 0.";
    BUNDLE_METADATA_EXPIRES = Gauge "palisade.bundle.metadata.expires" "s"
        "Time until the metadata of a signed source expires, below zero once it has.";
    BUNDLE_PINNED = Gauge "palisade.bundle.pinned" ""
        "1 if the bundle in force is pinned, otherwise 0.";
    BUNDLE_STALE = Gauge "palisade.bundle.stale" ""
        "1 if the metadata of a signed source has expired, otherwise 0.";
    BUNDLE_VERSION = Gauge "palisade.bundle.version" ""
        "Version of the bundle in force.";
    CACHE_EVICTIONS = Counter "palisade.cache.evictions" "{entry}"
        "Entries that the caches dropped for space.";
    CACHE_HITS = Counter "palisade.cache.hits" "{lookup}"
        "Lookups that a cache answered.";
    CACHE_MISSES = Counter "palisade.cache.misses" "{lookup}"
        "Lookups that no cache answered.";
    CACHE_SIZE = Gauge "palisade.cache.size" "By"
        "Memory that the entries of the caches take.";
    DECISION_DURATION = Histogram "palisade.decision.duration" "s"
        "Time from the decoded request until its record was kept, by outcome.";
    DECISIONS = Counter "palisade.decisions" "{decision}"
        "Answers, by outcome, reason, tier of the tool and whether it was a dry run.";
    EXCEPTIONS = Counter "palisade.exceptions" "{use}"
        "Uses of exceptions: forbids that did not count in an answer.";
    EXPORT_GONE = Counter "palisade.export.gone" "{record}"
        "Records that were deleted before the collector took them.";
    EXPORT_LAG_RECORDS = Gauge "palisade.export.lag.records" "{record}"
        "Records in the log that the collector has not taken yet.";
    EXPORT_LAG_TIME = Gauge "palisade.export.lag.time" "s"
        "Age of the oldest record that the collector has not taken yet.";
    EXPORT_REJECTED = Counter "palisade.export.rejected" "{record}"
        "Records that the collector acknowledged and threw away.";
    EXPORT_RETRIES = Counter "palisade.export.retries" "{request}"
        "Requests with records that failed and are sent again.";
    EXPORT_SHIPPED = Counter "palisade.export.shipped" "{record}"
        "Records that the collector took.";
    EXPORT_SKIPPED = Counter "palisade.export.skipped" "{record}"
        "Records that the collector refuses whatever comes with them.";
    LOG_AVAILABLE = Gauge "palisade.log.available" ""
        "1 if decisions can be recorded, otherwise 0.";
    LOG_QUEUE = Gauge "palisade.log.queue" "{record}"
        "Records that wait to be written.";
    LOG_RECORDS = Counter "palisade.log.records" "{record}"
        "Records that are on disk.";
    LOG_SEGMENTS = Gauge "palisade.log.segments" "{segment}"
        "Files of the log.";
    LOG_SIZE = Gauge "palisade.log.size" "By"
        "Space that the log takes on disk.";
    LOG_UNLOGGED = Counter "palisade.log.unlogged" "{decision}"
        "Answers that could not be recorded.";
    OUTCOMES = Counter "palisade.outcomes" "{report}"
        "Reports of what became of allowed calls, by status.";
    RECORD_DURATION = Histogram "palisade.record.duration" "s"
        "Time an answer waited until its record was kept, or until that failed.";
    REFUSALS = Counter "palisade.refusals" "{call}"
        "Calls answered with an error instead of a decision, by reason.";
    REQUIREMENTS = Counter "palisade.requirements" "{challenge}"
        "Challenges, by the kind of requirement they ask for; one that asks for two kinds counts for each.";
    ROLLOUTS = Counter "palisade.rollouts" "{rollout}"
        "What became of revisions of the bundle, by action; of refused ones, by code as well.";
    SHADOW_DECISIONS = Counter "palisade.shadow.decisions" "{decision}"
        "Calls that were decided in the shadow as well, by what decides there and whether it says the same.";
    SHADOW_SKIPPED = Counter "palisade.shadow.skipped" "{decision}"
        "Calls that should have been decided in the shadow and were not, because too many waited.";
    SPANS_DROPPED = Counter "palisade.spans.dropped" "{span}"
        "Spans that were lost because the collector could not be reached in time or refused them.";
    SPANS_EXPORTED = Counter "palisade.spans.exported" "{span}"
        "Spans that the collector took.";
}
