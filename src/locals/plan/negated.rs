//! Lists of ranges that say the contrary of what is.

use gimli::AttributeValue;

use super::location::{Compiler, Location, MAX_RANGES, Step, Unary};
use crate::locals::units::Slice;
use crate::stack::Missing;

impl Compiler<'_> {
    /// Whether some place of the list has what is negated, and then once more. Where LLVM turns a comparison around, it
    /// adds a negation to the variables that came of it, also to those that it had turned around already: such a list
    /// says the contrary of what is, at each of its places.
    pub(super) fn negates_twice(&self, list: AttributeValue<Slice>) -> Result<bool, Missing> {
        let Some(mut list) = self.unit.refs().attr_locations(list)? else {
            return Ok(false);
        };
        for _ in 0..MAX_RANGES {
            let Some(entry) = list.next()? else { break };
            if self
                .expression(entry.data)
                .is_ok_and(|it| is_negated_twice(&it))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) fn is_negated(location: &Location) -> bool {
    matches!(location, Location::Steps(steps) if steps.contains(&Step::Unary(Unary::Not)))
}

fn is_negated_twice(location: &Location) -> bool {
    const TWICE: [Step; 2] = [Step::Unary(Unary::Not), Step::Unary(Unary::Not)];
    matches!(location, Location::Steps(steps) if steps.windows(2).any(|two| two == TWICE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locals::plan::location::Base;
    use crate::locals::plan::location::Binary;

    #[test]
    fn what_is_negated_and_then_once_more_is_found() {
        let not = Step::Unary(Unary::Not);
        let steps = |steps: &[Step]| {
            let equal = [Step::Push(Base::Zero, 0), Step::Binary(Binary::Equal)];
            Location::Steps([&equal[..], steps, &[Step::Value]].concat().into())
        };
        assert!(is_negated_twice(&steps(&[not.clone(), not.clone()])));
        let once = steps(&[not]);
        assert!(is_negated(&once) && !is_negated_twice(&once));
        assert!(!is_negated(&steps(&[])));
    }
}
