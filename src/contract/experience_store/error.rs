//! The error of the deprecated trait.

/// Why a store could not do what was asked through [`ExperienceStore`](super::ExperienceStore).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExperienceStoreError {
    /// The store failed, or refused the write.
    #[error("Storage error: {message}")]
    StorageError {
        /// What failed.
        message: String,
    },
    /// The query, or a field of an event, is not acceptable.
    #[error("Invalid query: {message}")]
    InvalidQuery {
        /// What is wrong with it.
        message: String,
    },
    /// What was asked for does not exist.
    #[error("Not found: {message}")]
    NotFound {
        /// What is missing.
        message: String,
    },
}

/// The result of a call through [`ExperienceStore`](super::ExperienceStore).
pub type ExperienceStoreResult<T> = Result<T, ExperienceStoreError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_contract() {
        let message = || "m".to_string();
        let cases = [
            (
                ExperienceStoreError::StorageError { message: message() },
                "Storage error: m",
            ),
            (
                ExperienceStoreError::InvalidQuery { message: message() },
                "Invalid query: m",
            ),
            (
                ExperienceStoreError::NotFound { message: message() },
                "Not found: m",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }
}
