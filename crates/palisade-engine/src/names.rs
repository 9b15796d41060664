//! The entity types of the Cedar vocabulary, parsed once, and the entities named by them.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use palisade_core::ActorKind;

pub(crate) static ACTION: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("Action"));
pub(crate) static GROUP: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("Group"));
pub(crate) static SEGMENT: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("Segment"));
pub(crate) static SERVICE: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("Service"));
pub(crate) static TOOL: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("Tool"));
static AGENT: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("Agent"));
static USER: LazyLock<EntityTypeName> = LazyLock::new(|| parsed("User"));

#[expect(clippy::expect_used, reason = "the callers above pass plain identifiers")]
fn parsed(name: &str) -> EntityTypeName {
    EntityTypeName::from_str(name).expect("an identifier is an entity type name")
}

/// The entity of this type and id.
pub(crate) fn entity(entity_type: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(entity_type.clone(), EntityId::new(id))
}

/// The entity type of an actor.
pub(crate) fn actor_type(kind: ActorKind) -> &'static EntityTypeName {
    match kind {
        ActorKind::Agent => &AGENT,
        ActorKind::Service => &SERVICE,
        ActorKind::User => &USER,
    }
}
