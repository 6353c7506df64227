//! Reading values: right ones, secret ones, partly known ones and garbage.

mod crates;
mod foreign;
mod hostile;
mod parts;
mod secrets;
mod values;
