//! The program that is stopped, seen from outside.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::locals::eval::{Evaluator, Frame, Where};
use crate::locals::image::Image;
use crate::locals::memory::Memory;
use crate::locals::plan::{Plan, Plans, Scope, Variable};
use crate::locals::units::Units;
use crate::stack::Missing;

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Its first bytes, so many, are this number.
    Number(usize, u64),
    /// It is a `&str`.
    Text(&'static str),
    /// It points to words, of which that one is this.
    Pointer(u64, u64),
    /// Something.
    Any,
}

/// Builds the program; rustc's own arguments come last.
pub(super) fn built(folder: &Path, arguments: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/locals/plan/tests/program.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = folder.join("program");
    let built = Command::new(rustc)
        .args(["--edition", "2024", "-o"])
        .arg(&out)
        .args(arguments)
        .arg(source)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    out
}

/// A program that waits in `stop`.
pub(super) struct Stopped {
    child: Child,
    memory: Remote,
    pub(super) bias: u64,
    /// Of `Cart`, for its trait.
    pub(super) vtable: u64,
    pub(super) calls: Vec<Call>,
}

pub(super) struct Call {
    pub(super) pc: u64,
    sp: u64,
    cfa: u64,
    registers: HashMap<u16, u64>,
}

pub(super) struct Remote(File);

impl Memory for Remote {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Missing> {
        let read = self.0.read_exact_at(into, address);
        read.map_err(|_| Missing::Unreadable)
    }
}

impl Frame for Call {
    fn register(&self, number: u16) -> Option<u64> {
        let stack_pointer = if cfg!(target_arch = "x86_64") { 7 } else { 31 };
        if number == stack_pointer {
            return Some(self.sp);
        }
        self.registers.get(&number).copied()
    }

    fn cfa(&self) -> Option<u64> {
        Some(self.cfa)
    }
}

impl Stopped {
    pub(super) fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let memory = Remote(File::open(format!("/proc/{}/mem", child.id())).unwrap());
        let (mut bias, mut vtable, mut calls) = (0, 0, Vec::new());
        let hex = |word: &str| u64::from_str_radix(word, 16).unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["bias", value] => bias = hex(value),
                ["vtable", value] => vtable = hex(value),
                ["call", pc, sp, cfa, registers @ ..] => calls.push(Call {
                    pc: hex(pc),
                    sp: hex(sp),
                    cfa: hex(cfa),
                    registers: registers
                        .iter()
                        .filter_map(|register| register.split_once('='))
                        .map(|(number, value)| (number.parse().unwrap(), hex(value)))
                        .collect(),
                }),
                ["ready"] => break,
                _ => panic!("{line}"),
            }
        }
        Self {
            child,
            memory,
            bias,
            vtable,
            calls,
        }
    }

    pub(super) fn units(&self, program: &Path) -> Result<Units, Missing> {
        let mut units = Units::new(crate::stack::is_app_file);
        units.add(Image::open(program, self.bias)?);
        Ok(units)
    }

    /// The plans of the calls, as far as they are the app's.
    pub(super) fn plans(&self, units: &Units) -> Vec<Result<Option<Arc<Plan>>, Missing>> {
        let mut plans = Plans::default();
        let plan = |call: &Call| plans.get(units, call.pc);
        let plans: Vec<_> = self.calls.iter().map(plan).collect();
        let known = plans.iter().map(|plan| plan.as_ref().ok()?.as_ref());
        let calls = self.calls.iter().map(|call| call.pc).zip(known);
        Plans::learn_passed(units, calls);
        plans
    }

    /// What the variable holds, in the terms of what is expected.
    pub(super) fn read(
        &mut self,
        at: usize,
        plans: &[Result<Option<Arc<Plan>>, Missing>],
        variable: &Variable,
        expected: Found,
    ) -> Result<Found, Missing> {
        let plan = |plan: &'_ Result<Option<Arc<Plan>>, Missing>| plan.clone().ok().flatten();
        let known: Vec<_> = plans.iter().map(plan).collect();
        let calls: Vec<_> = known
            .iter()
            .map(|plan| plan.as_deref())
            .zip(&self.calls)
            .collect();
        let evaluator = Evaluator {
            frame: &self.calls[at],
            start: known[at].as_ref().map_or(0, |plan| plan.start),
            callers: &calls[at + 1..],
            inner: &[],
        };
        let memory = &mut self.memory;
        let place = evaluator.find(&variable.location, memory)?;
        let mut bytes = |from: usize, size: usize| {
            let mut word = [0; 8];
            match &place {
                Where::Memory(address) => {
                    memory.read(address + from as u64, &mut word[..size])?;
                }
                Where::Bytes(known) if known.has(from..from + size) => {
                    word[..size].copy_from_slice(&known.bytes[from..from + size]);
                }
                Where::Bytes(_) => return Err(Missing::OptimizedOut),
            }
            Ok(u64::from_le_bytes(word))
        };
        match expected {
            Found::Number(size, _) => Ok(Found::Number(size, bytes(0, size)?)),
            Found::Pointer(word, _) => {
                let pointer = bytes(0, 8)?;
                Ok(Found::Pointer(word, memory.word(pointer + word * 8)?))
            }
            Found::Text(text) => {
                let (pointer, length) = (bytes(0, 8)?, bytes(8, 8)?);
                let mut read = vec![0; usize::try_from(length).unwrap().min(100)];
                memory.read(pointer, &mut read)?;
                let is_same = read == text.as_bytes();
                Ok(if is_same { expected } else { Found::Any })
            }
            Found::Any => Ok(Found::Any),
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The scopes of the app's own functions, with the number of the call.
pub(super) fn scopes(plans: &[Result<Option<Arc<Plan>>, Missing>]) -> Vec<(usize, &Scope)> {
    plans
        .iter()
        .enumerate()
        .flat_map(|(at, plan)| match plan {
            Ok(Some(plan)) => plan.scopes.iter().map(|scope| (at, scope)).collect(),
            _ => Vec::new(),
        })
        .filter(|(_, scope): &(usize, &Scope)| scope.is_app)
        .collect()
}
