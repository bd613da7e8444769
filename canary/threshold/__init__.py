"""The threshold judge: fixed bounds, counted as Argo Rollouts or as Flagger counts them."""
