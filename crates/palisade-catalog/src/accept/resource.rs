//! Checks which argument of a tool names its Cedar resource.

use serde_saphyr::Spanned;

use super::{Checker, did_you_mean};
use crate::argument_type::ArgumentType;
use crate::arguments::ArgumentSchema;
use crate::cedar_schema::is_free_entity_type;
use crate::raw::RawResource;
use crate::tool::{ResourceMapping, ResourceNormalization};

impl Checker<'_> {
    pub(super) fn resource(
        &mut self,
        raw: RawResource,
        arguments: &ArgumentSchema,
    ) -> Option<ResourceMapping> {
        let RawResource { entity_type, argument, normalize } = raw;
        if !is_free_entity_type(&entity_type.value) {
            let shown = entity_type.value.escape_debug();
            let message = format!("`{shown}` cannot be a resource type");
            self.error("catalog.resource_type", message, &entity_type)
                .help("use an identifier of your own, e.g. `Document`; Cedar's words, our types and names starting with `Palisade` are taken");
        }
        self.resource_argument(&argument, arguments);
        let normalization = match &normalize {
            None => ResourceNormalization::Exact,
            Some(name) => self.normalization(name)?,
        };
        Some(ResourceMapping {
            entity_type: entity_type.value,
            argument: argument.value,
            normalization,
        })
    }

    fn resource_argument(&mut self, argument: &Spanned<String>, arguments: &ArgumentSchema) {
        let fields = &arguments.record().fields;
        match fields.get(&argument.value) {
            None => {
                let help =
                    did_you_mean(&argument.value, fields.keys(), "under `arguments: properties:`");
                let message = format!("unknown argument `{}`", argument.value);
                self.error("catalog.unknown_argument", message, argument).help(help);
            }
            Some(field) if field.ty != ArgumentType::String || !field.required => {
                let message = format!("`{}` cannot name the resource", argument.value);
                self.error("catalog.resource_argument", message, argument)
                    .help("the argument must be of `type: string` and stand under `required:`");
            }
            Some(_) => {}
        }
    }

    fn normalization(&mut self, name: &Spanned<String>) -> Option<ResourceNormalization> {
        match name.value.as_str() {
            "email" => Some(ResourceNormalization::Email),
            "exact" => Some(ResourceNormalization::Exact),
            "path" => Some(ResourceNormalization::Path),
            "url" => Some(ResourceNormalization::Url),
            other => {
                let message = format!("unknown normalisation `{}`", other.escape_debug());
                self.error("catalog.normalize", message, name)
                    .help("one of `exact`, `path`, `url`, `email`");
                None
            }
        }
    }
}
