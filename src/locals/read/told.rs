//! Times, addresses and ids, in the form people know.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use super::{Place, Read, Reader};
use crate::locals::types::Told;
use crate::stack::{Missing, Value};
use crate::time::Timestamp;

impl Reader<'_> {
    pub(super) fn told(&mut self, what: Told, parts: &[u64], place: Place<'_>) -> Read<Value> {
        let part = |index: usize| {
            let offset = parts.get(index).ok_or(Missing::Unsupported)?;
            place.plus(*offset)
        };
        let text = match what {
            Told::Weak => "(Weak)".to_owned(),
            Told::Duration => {
                let seconds = self.word(part(0)?)?;
                let nanos = self.nanos(part(1)?)?;
                format!("{:?}", Duration::new(seconds, nanos))
            }
            Told::Instant => {
                let seconds = self.word(part(0)?)?.cast_signed();
                let nanos = self.nanos(part(1)?)?;
                format!("Instant({seconds}.{nanos:09}s)")
            }
            Told::SystemTime => {
                let seconds = self.word(part(0)?)?.cast_signed();
                let nanos = self.nanos(part(1)?)?;
                let micros = seconds.checked_mul(1_000_000).ok_or(Missing::Invalid)?;
                let micros = micros.checked_add(i64::from(nanos / 1_000));
                Timestamp::from_unix_micros(micros.ok_or(Missing::Invalid)?).to_string()
            }
            Told::Ip4 => self.ip4(part(0)?)?.to_string(),
            Told::Ip6 => self.ip6(part(0)?)?.to_string(),
            Told::Socket4 => {
                SocketAddrV4::new(self.ip4(part(0)?)?, self.port(part(1)?)?).to_string()
            }
            Told::Socket6 => {
                SocketAddrV6::new(self.ip6(part(0)?)?, self.port(part(1)?)?, 0, 0).to_string()
            }
            Told::Uuid => uuid::Uuid::from_bytes(self.bytes(part(0)?)?).to_string(),
            Told::Status => {
                let status = u16::from_ne_bytes(self.bytes(part(0)?)?);
                match status {
                    100..1_000 => status.to_string(),
                    _ => return Err(Missing::Invalid),
                }
            }
        };
        let is_address = matches!(what, Told::Ip4 | Told::Ip6 | Told::Socket4 | Told::Socket6);
        Ok(Value::Scalar(match is_address {
            // Somebody may have chosen that addresses of clients are not kept.
            true => self.types.redactor().text(&text).into_owned(),
            false => text,
        }))
    }

    fn nanos(&mut self, place: Place<'_>) -> Read<u32> {
        let nanos = u32::from_ne_bytes(self.bytes(place)?);
        (nanos < 1_000_000_000)
            .then_some(nanos)
            .ok_or(Missing::Invalid)
    }

    fn ip4(&mut self, place: Place<'_>) -> Read<Ipv4Addr> {
        self.bytes::<4>(place).map(Ipv4Addr::from)
    }

    fn ip6(&mut self, place: Place<'_>) -> Read<Ipv6Addr> {
        self.bytes::<16>(place).map(Ipv6Addr::from)
    }

    fn port(&mut self, place: Place<'_>) -> Read<u16> {
        self.bytes(place).map(u16::from_ne_bytes)
    }
}
