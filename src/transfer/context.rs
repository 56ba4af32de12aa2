//! The parts of a run that every transfer shares.

use crate::cancel::Cancel;
use crate::disk::{Folder, Lock};
use crate::event::Listener;
use crate::hash::Engine;
use crate::session::SessionOptions;
use crate::source::Source;

/// The parts of a run that every transfer shares.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub folder: &'a Folder,
    /// The lock of the folder; `None` in a dry run.
    pub lock: Option<&'a Lock>,
    /// In order of preference.
    pub sources: &'a [Source],
    pub options: &'a SessionOptions,
    /// Keep bytes that failed their MD5.
    pub keep_corrupt: bool,
    pub engine: &'a Engine,
    pub listener: &'a dyn Listener,
    pub cancel: &'a Cancel,
}
