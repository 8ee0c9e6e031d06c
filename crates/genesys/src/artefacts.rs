//! What a conversation leaves behind: recordings and summaries. Transcripts: `transcripts.rs`.

use crate::call::Call;
use crate::client::{Client, same};
use crate::error::GenesysError;
use crate::exchange::decode;
use crate::model::tolerant::Listed;
use crate::model::{AnalyticsSummaries, AnalyticsSummary, Recording, Recordings, Summaries};
use crate::operations;

impl Client {
    /// Which recordings there are, without their media: enough to know that one exists, and until when. 1 request;
    /// `recording:recording:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::is_absent`] where the organisation records nothing; any other failure.
    pub async fn recording_metadata(&self, id: &str) -> Result<Vec<Recording>, GenesysError> {
        let call = Call::new(&operations::RECORDING_METADATA, &[id])?;
        let listed: Listed<Recording> = self.read(&call).await?;
        Ok(of_conversation(listed, id))
    }

    /// Which recordings are ready to be played. Genesys prepares them on demand: it answers at once that it is at it. The
    /// links to media are never read: they end within the hour, and let anyone in who has them. 1 request;
    /// `recording:recording:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::is_absent`] where the organisation records nothing; any other failure.
    pub async fn recordings(&self, id: &str) -> Result<Recordings, GenesysError> {
        let call = Call::new(&operations::RECORDINGS, &[id])?
            .with("maxWaitMs", "1")
            .with("formatId", "NONE");
        let success = self.send(&call).await?;
        if success.status == 202 || success.body.trim_ascii().is_empty() {
            return Ok(Recordings::Pending);
        }
        let listed: Listed<Recording> = decode(call.operation.name, &success)?;
        Ok(Recordings::Ready(of_conversation(listed, id)))
    }

    /// Agent Copilot's summaries: of the conversation, and of each agent's part. 1 request; `conversation:summary:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::is_absent`] where the organisation does not have them; any other failure.
    pub async fn summaries(&self, id: &str) -> Result<Summaries, GenesysError> {
        let call = Call::new(&operations::SUMMARIES, &[id])?;
        let summaries: Summaries = self.read(&call).await?;
        if let Some(conversation) = &summaries.conversation {
            same(&call, id, conversation.id.as_deref())?;
        }
        Ok(summaries)
    }

    /// Speech and Text Analytics' summaries. 1 request; `speechAndTextAnalytics:aiSummary:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::is_absent`] where the organisation does not have them; any other failure.
    pub async fn analytics_summaries(
        &self,
        id: &str,
    ) -> Result<Vec<AnalyticsSummary>, GenesysError> {
        let call = Call::new(&operations::ANALYTICS_SUMMARIES, &[id])?;
        let listing: AnalyticsSummaries = self.read(&call).await?;
        Ok(listing.entities)
    }
}

/// Those of a list that are of the conversation asked for.
fn of_conversation(listed: Listed<Recording>, id: &str) -> Vec<Recording> {
    let mut recordings = listed.0;
    recordings.retain(|recording| {
        let conversation = recording.conversation_id.as_deref();
        conversation.is_some_and(|answered| answered.eq_ignore_ascii_case(id))
    });
    recordings
}
