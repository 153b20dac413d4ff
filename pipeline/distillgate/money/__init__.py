"""Prices, costs, plans and budgets."""
