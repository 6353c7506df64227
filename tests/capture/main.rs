//! What is taken of a failure at the moment it happens, as an app sees it: errors, tasks, request details, issues.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod curl;
mod details;
mod errors;
mod handled;
mod issues;
mod outside;
mod pages;
mod tasks;
