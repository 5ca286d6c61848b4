//! Named steps, one after the other: each says when it begins, and at the end how long each took.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps of one command, as far as they got.
#[derive(Default)]
pub(crate) struct Steps {
    taken: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Takes one step. Its failure names it, so that the last line says where to look.
    pub(crate) fn step<T>(&mut self, name: &'static str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("==> {name}");
        let began = Instant::now();
        let result = act();
        self.taken.push((name, began.elapsed()));
        result.with_context(|| format!("step `{name}` failed"))
    }

    /// Prints how long each step took and, if one failed, why.
    pub(crate) fn finish(&self, result: Result<()>) -> ExitCode {
        println!();
        for (name, took) in &self.taken {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        let all: Duration = self.taken.iter().map(|(_, took)| *took).sum();
        println!("{:>8.1} s  in all", all.as_secs_f64());
        let Err(error) = result else { return ExitCode::SUCCESS };
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    }
}
