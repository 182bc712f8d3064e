"""The gateway: answers chats through vLLM, takes feedback, routes to adapters, and keeps replicas in step."""
