curl --silent --show-error --fail-with-body --include \
  "${TOLLGATE_URL:-http://127.0.0.1:8787}/v1/chat/completions" \
  --header "content-type: application/json" \
  --header "x-tollgate-tags: project=docs" \
  --data '{"model": "tollgate/auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'
