//! The settings about the bundle: where it comes from, and what decides in its shadow.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use palisade_bundle::repository::Channel;
use palisade_core::BundleName;
use url::Url;

use super::{Fallback, Meta, Setting};
use crate::config::value;

pub(crate) static BUNDLE_PATH: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "bundle.path",
        accepts: "directory",
        default: Fallback::Fixed("."),
        doc: "The bundle: catalog, policies, entities and tests.",
    },
    parse: value::path,
};

pub(crate) static BUNDLE_REPOSITORY: Setting<Url> = Setting {
    meta: Meta {
        key: "bundle.repository",
        accepts: "URL, `https`, `http` or `file`",
        default: Fallback::Unset("the bundle is the directory `bundle.path`, unsigned"),
        doc: "Signed repository that revisions come from (`palisade bundle init-repo`); `bundle.path` \
              means nothing to the server then.",
    },
    parse: value::repository_url,
};

pub(crate) static BUNDLE_ROOT: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "bundle.root",
        accepts: "file with root metadata",
        default: Fallback::Unset("needed with `bundle.repository`"),
        doc: "Whom to trust: `1.root.json` of the repository or a newer one, brought here by another \
              way than the repository.",
    },
    parse: value::path,
};

pub(crate) static BUNDLE_NAME: Setting<BundleName> = Setting {
    meta: Meta {
        key: "bundle.name",
        accepts: "1 to 64 of a-z, 0-9 and `-`",
        default: Fallback::Unset("needed with `bundle.repository`"),
        doc: "The bundle in the repository.",
    },
    parse: value::bundle_name,
};

pub(crate) static BUNDLE_CHANNEL: Setting<Channel> = Setting {
    meta: Meta {
        key: "bundle.channel",
        accepts: "1 to 32 of a-z, 0-9 and `-`",
        default: Fallback::Fixed("stable"),
        doc: "The highest version in this channel of the repository comes into force.",
    },
    parse: value::channel,
};

pub(crate) static BUNDLE_STATE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "bundle.state",
        accepts: "directory",
        default: Fallback::StateFile("bundle"),
        doc: "Where a server with a repository remembers whom it trusts, the newest versions it saw, \
              and the revisions it can go back to or start with alone. One server each.",
    },
    parse: value::path,
};

pub(crate) static BUNDLE_POLL_INTERVAL: Setting<Duration> = Setting {
    meta: Meta {
        key: "bundle.poll_interval",
        accepts: "duration, 100ms to 24h",
        default: Fallback::Fixed("30s"),
        doc: "How often the repository is asked for news, give or take a tenth.",
    },
    parse: |text| {
        value::duration(text, Duration::from_millis(100)..=Duration::from_secs(24 * 3600))
    },
};

pub(crate) static BUNDLE_MAX_STALENESS: Setting<Duration> = Setting {
    meta: Meta {
        key: "bundle.max_staleness",
        accepts: "duration, 0s to 876000h",
        default: Fallback::Fixed("24h"),
        doc: "How long a revision decides after the metadata that vouches for it expired and no fresh \
              one came; then everything is DENY `bundle_expired`.",
    },
    parse: |text| value::duration(text, Duration::ZERO..=Duration::from_secs(876_000 * 3600)),
};

pub(crate) static BUNDLE_KEEP: Setting<NonZeroU32> = Setting {
    meta: Meta {
        key: "bundle.keep",
        accepts: "number, 1 to 100",
        default: Fallback::Fixed("5"),
        doc: "Revisions that are kept to go back to, the one in force included.",
    },
    parse: |text| value::count(text, 100),
};

pub(crate) static SHADOW_CHANNEL: Setting<Channel> = Setting {
    meta: Meta {
        key: "shadow.channel",
        accepts: "1 to 32 of a-z, 0-9 and `-`",
        default: Fallback::Unset("none"),
        doc: "The highest version in this channel of the repository decides in the shadow: beside the \
              one in force, without effect, differences on record.",
    },
    parse: value::channel,
};

pub(crate) static SHADOW_PATH: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "shadow.path",
        accepts: "directory",
        default: Fallback::Unset("none"),
        doc: "The bundle in this directory decides in the shadow, unless `shadow.channel` offers one.",
    },
    parse: value::path,
};

pub(crate) static SHADOW_SAMPLE: Setting<f64> = Setting {
    meta: Meta {
        key: "shadow.sample",
        accepts: "number, 0 to 1",
        default: Fallback::Fixed("1"),
        doc: "Share of the decisions that are made in the shadow as well; also by policies that are \
              marked `@mode(\"shadow\")`.",
    },
    parse: value::ratio,
};
