//! What is known of a tool before anybody calls it.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::EntityUid;
use palisade_catalog::{CountedArray, Tool};
use palisade_core::Arguments;

use crate::cedar_core::{ContextPart, CoreEntity, CoreValue, CoreValues, ReadBy, Reads, Root};
use crate::context;
use crate::convert::{self, ConvertError, Wanted};
use crate::names::{self, entity};

/// A tool as calls need it.
#[derive(Debug)]
pub(crate) struct CompiledTool {
    pub(crate) tool: Arc<Tool>,
    /// Its place among the tools of the snapshot.
    pub(crate) number: usize,
    pub(crate) action: EntityUid,
    pub(crate) action_variable: CoreEntity,
    pub(crate) context: ToolContext,
    /// What of the arguments some policy on the tool's action can read.
    pub(crate) reads: Vec<ArgumentRead>,
    wanted: Wanted,
    wants_info: bool,
    counted: Vec<CountedArray>,
    /// What has to be looked at to know whether arguments have exact values.
    inexact: Wanted,
}

/// The parts of the context that are the same for every call of the tool.
#[derive(Debug)]
pub(crate) struct ToolContext {
    pub(crate) data: CoreValue,
    pub(crate) tool: CoreValue,
    pub(crate) ungrounded: CoreValue,
}

/// One thing that can be read of the arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ArgumentRead {
    pub(crate) of: ArgumentPart,
    /// Attribute names from that part on.
    pub(crate) path: Vec<String>,
    pub(crate) by: ReadBy,
}

/// The parts of the context that are made of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ArgumentPart {
    Args,
    Info,
}

impl ArgumentRead {
    /// What of the arguments these reads of a policy look at.
    pub(crate) fn of(reads: &Reads) -> impl Iterator<Item = Self> {
        let whole = |of| Self { of, path: Vec::new(), by: ReadBy::Value };
        let everything = reads.whole_context();
        let everything = everything.then(|| [whole(ArgumentPart::Args), whole(ArgumentPart::Info)]);
        let named = reads.iter().filter(|read| read.root == Root::Context).filter_map(|read| {
            let (first, rest) = read.path.split_first()?;
            let of = match first.as_str() {
                name if name == ContextPart::Args.name() => ArgumentPart::Args,
                name if name == ContextPart::ArgsInfo.name() => ArgumentPart::Info,
                _ => return None,
            };
            Some(Self { of, path: rest.to_vec(), by: read.by })
        });
        everything.into_iter().flatten().chain(named)
    }
}

/// What the tool's reads see of arguments, as it stands in cache keys.
#[derive(Debug)]
pub(crate) struct SeenArguments {
    /// What each of them sees, one after the other.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

/// Arguments as the evaluator takes them, as far as some policy looks.
#[derive(Clone, Debug)]
pub(crate) struct BuiltArguments {
    /// `context.args`.
    pub(crate) args: CoreValue,
    /// `context.argsInfo`, if anybody looks.
    pub(crate) info: Option<CoreValue>,
}

impl SeenArguments {
    /// What one of the tool's reads sees.
    pub(crate) fn of(&self, read: usize) -> &[u8] {
        let end = |read: usize| self.ends.get(read).copied();
        let start = read.checked_sub(1).map_or(Some(0), end);
        let seen = start.zip(end(read)).and_then(|(start, end)| self.bytes.get(start..end));
        seen.unwrap_or_default()
    }

    /// An estimate of the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }
}

impl CompiledTool {
    /// `reads`: what the policies on the tool's action can read of arguments.
    pub(crate) fn new(tool: &Arc<Tool>, number: usize, reads: BTreeSet<ArgumentRead>) -> Self {
        let action = entity(&names::ACTION, tool.name.as_str());
        let mut wanted = Wanted::NOTHING;
        for read in reads.iter().filter(|read| read.of == ArgumentPart::Args) {
            wanted.add(&read.path, read.by != ReadBy::Presence);
        }
        Self {
            tool: Arc::clone(tool),
            number,
            action_variable: CoreEntity::new(&action),
            action,
            context: ToolContext {
                data: context::data::<CoreValues>(),
                tool: context::tool::<CoreValues>(tool),
                ungrounded: context::ungrounded::<CoreValues>(tool),
            },
            wants_info: reads.iter().any(|read| read.of == ArgumentPart::Info),
            reads: reads.into_iter().collect(),
            wanted,
            counted: tool.arguments.record().counted_arrays(),
            inexact: convert::inexact(tool.arguments.record()),
        }
    }

    /// What the tool's reads see of validated arguments. All arguments have to have exact values,
    /// seen or not.
    pub(crate) fn seen(&self, arguments: &Arguments) -> Result<SeenArguments, ConvertError> {
        let (ty, object) = (self.tool.arguments.record(), arguments.as_object());
        convert::check(ty, object, &self.inexact)?;
        let mut bytes = Vec::with_capacity(256);
        let mut ends = Vec::with_capacity(self.reads.len());
        for ArgumentRead { of, path, by } in &self.reads {
            match of {
                ArgumentPart::Args => convert::write_seen(ty, object, path, *by, &mut bytes)?,
                ArgumentPart::Info => {
                    convert::write_seen_info(ty, &self.counted, object, path, &mut bytes);
                }
            }
            ends.push(bytes.len());
        }
        Ok(SeenArguments { bytes, ends })
    }

    /// Builds what policies look at of validated arguments.
    pub(crate) fn build(&self, arguments: &Arguments) -> Result<BuiltArguments, ConvertError> {
        let (ty, object) = (self.tool.arguments.record(), arguments.as_object());
        let args = convert::arguments::<CoreValues>(ty, object, &self.wanted)?;
        let info = || convert::info::<CoreValues>(ty, &self.counted, object);
        Ok(BuiltArguments { args, info: self.wants_info.then(info) })
    }
}
