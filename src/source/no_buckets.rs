//! A program without buckets: no address is one of a bucket.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unused_async,
    reason = "the functions of buckets have these signatures"
)]

use std::fmt;

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::SourceError;
use super::client::Client;
use super::spec::SpecError;

/// There is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketSpec {}

/// The variables that buckets need: none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables;

/// There is none.
#[derive(Debug)]
pub(super) enum Bucket {}

pub(super) struct SignedRequest {
    pub(super) address: Url,
    pub(super) headers: HeaderMap,
}

impl Variables {
    /// Takes nothing.
    pub fn new(_: impl IntoIterator<Item = (String, String)>) -> Self {
        Self
    }

    /// No variable is needed.
    pub const fn is_needed(_: &str) -> bool {
        false
    }
}

impl BucketSpec {
    pub(super) const fn parse(_: &str) -> Option<Result<Self, SpecError>> {
        None
    }

    pub(super) const fn with_variables(self, _: Variables) -> Result<Self, SpecError> {
        match self {}
    }

    pub(super) const fn address(&self, _: &str) -> Option<Url> {
        match *self {}
    }
}

impl fmt::Display for BucketSpec {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Bucket {
    pub(super) fn new(spec: BucketSpec) -> Self {
        match spec {}
    }

    pub(super) const fn address(&self, _: &Client, _: &str) -> Result<Url, SourceError> {
        match *self {}
    }

    pub(super) async fn sign(
        &self,
        _: &Client,
        _: &Url,
        _: HeaderMap,
    ) -> Result<SignedRequest, SourceError> {
        match *self {}
    }

    pub(super) const fn region(&self, _: &Client) -> String {
        match *self {}
    }

    pub(super) const fn learn(&self, _: &Client, _: &HeaderMap, _: &str) -> bool {
        match *self {}
    }

    pub(super) fn without_secrets(&self, _: SourceError) -> SourceError {
        match *self {}
    }

    pub(super) const fn is_final(_: &SourceError) -> bool {
        false
    }

    pub(super) const fn renewals(&self) -> u32 {
        match *self {}
    }

    pub(super) const fn renew(&self, _: &Client, _: &SourceError, _: u32) -> bool {
        match *self {}
    }

    pub(super) fn explain(&self, _: &Client, _: SourceError, _: &str) -> SourceError {
        match *self {}
    }
}
