//! The signal that tells responders to finish.

use tokio::sync::watch;

/// Makes a signal: the one end to give it, the other to wait for it.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

/// Gives the signal, also when it is dropped: nobody waits for a signal that cannot come.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Gives the signal. It stays given.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Waits for the signal. Every clone gets it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when the signal has been given, at once when that was before. Cancel safe.
    pub async fn given(&mut self) {
        // An error says that the sender is gone, which counts as the signal.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }

    /// Whether it has been given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_stopper_stops_too() {
        let (stopper, mut stop) = stop();
        assert!(!stop.is_given());
        drop(stopper);
        stop.given().await;
        assert!(stop.is_given());
    }

    #[tokio::test]
    async fn the_signal_stays_given() {
        let (stopper, mut stop) = stop();
        stopper.stop();
        stop.given().await;
        stop.clone().given().await;
        assert!(stop.is_given());
    }
}
