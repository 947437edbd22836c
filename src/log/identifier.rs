//! Which identifiers an envelope may carry.

use crate::error::IdentifierFlaw;

/// The most bytes of an identifier.
pub(crate) const MAX_IDENTIFIER: usize = 256;

/// The rule for `event_id`, `tenant_id` and `correlation_id`, checked at append. Under either, an identifier
/// has 1 to 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IdentifierRule {
    /// UTF-8 without control characters.
    #[default]
    Text,
    /// `A-Z a-z 0-9 - _ .` only, as other implementations of the contract have it.
    Strict,
}

impl IdentifierRule {
    pub(crate) fn check(self, identifier: &str) -> Result<(), IdentifierFlaw> {
        if identifier.is_empty() {
            return Err(IdentifierFlaw::Empty);
        }
        if identifier.len() > MAX_IDENTIFIER {
            let found = identifier.len();
            return Err(IdentifierFlaw::TooLong {
                found,
                limit: MAX_IDENTIFIER,
            });
        }
        // Nearly all are ASCII, which is seen at once.
        if self == Self::Text && identifier.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(());
        }
        let refused = |character: char| match self {
            Self::Text => character.is_control(),
            Self::Strict => {
                !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '.')
            }
        };
        match identifier
            .char_indices()
            .find(|(_, character)| refused(*character))
        {
            None => Ok(()),
            Some((position, character)) => Err(IdentifierFlaw::Character {
                character,
                position,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_rules_refuse_what_they_say() {
        for rule in [IdentifierRule::Text, IdentifierRule::Strict] {
            assert_eq!(rule.check("run-7_a.B"), Ok(()));
            assert_eq!(rule.check(""), Err(IdentifierFlaw::Empty));
            assert_eq!(rule.check(&"x".repeat(256)), Ok(()));
            let found = 257;
            let limit = MAX_IDENTIFIER;
            assert_eq!(
                rule.check(&"x".repeat(257)),
                Err(IdentifierFlaw::TooLong { found, limit })
            );
            for character in ['\0', '\n', '\u{7f}', '\u{85}'] {
                let identifier = format!("ab{character}");
                assert_eq!(
                    rule.check(&identifier),
                    Err(IdentifierFlaw::Character {
                        character,
                        position: 2
                    })
                );
            }
        }
        assert_eq!(IdentifierRule::Text.check("Züge/№ 7"), Ok(()));
        assert_eq!(
            IdentifierRule::Strict.check("a b"),
            Err(IdentifierFlaw::Character {
                character: ' ',
                position: 1
            })
        );
    }
}
