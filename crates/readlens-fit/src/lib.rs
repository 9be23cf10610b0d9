//! The seeded training loop: sampler, schedule, optimiser, early stopping, exact resume.
